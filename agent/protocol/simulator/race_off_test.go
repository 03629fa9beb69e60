//go:build !race

package simulator

// slow says that the race detector is on.
const slow = false
