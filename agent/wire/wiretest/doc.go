// Package wiretest is what stands between an agent and its server on a bad day. It is for tests only.
//
// A Mangler knows websockets: it loses, repeats, delays, reorders and damages whole messages, which no TCP connection does,
// but a proxy in bad repair might. A Link knows bytes only: it is slow, late, lossy, blocked in one direction, or cut. Both take
// their chances from a seed. Neither knows what the messages mean.
package wiretest
