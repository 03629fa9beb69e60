// Package api serves HTTP/JSON: the endpoints that server/README.md and openapi.json describe, event streams, logs,
// health and metrics.
//
// A file per noun, a handler per verb. Handlers check what they are given, call one method of what is behind an interface
// of theirs, and write the answer; the rules are elsewhere. Whoever gets here was let in by package auth. The package maps
// the kinds of server.Error to statuses, in error.go and nowhere else, and shows no cause of an internal error.
package api
