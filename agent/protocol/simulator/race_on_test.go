//go:build race

package simulator

// slow says that the race detector is on: it finds nothing here, where one thing happens after the other, and makes it ten times as slow.
const slow = true
