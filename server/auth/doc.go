// Package auth decides who gets in: it owns the admin's and the agents' token, one-use sign-in links, browser sessions,
// and the Guard through which every request passes.
//
// Routes are closed unless the list in guard.go opens them. The package never looks into a request's body, and knows
// nothing of what it guards. What it keeps on disk it keeps in the data folder, readable by the server alone: tokens as
// they are (people must be able to read them), sessions as hashes. Codes of sign-in links live in memory only.
package auth
