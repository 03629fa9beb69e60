// Package simulator plays a server and its agents against each other under virtual time, with the decisions of package
// agent/protocol, and with everything broken that can break: connections that drop, stall in one direction, delay, repeat and reorder;
// processes and hosts that are killed at any step, with what was written and not synced torn off; hosts that sleep, clocks that run
// fast, slow, or jump; servers restored from a backup. Who runs, for how long and what breaks is drawn from a seed: the same seed
// plays the same again.
//
// After each step checkers look at the whole world, which they see as no party of it can: see check_test.go. The package consists
// of tests only; nothing else may import it.
//
//	go test ./agent/protocol/simulator                                   200 seeds, and that deliberately broken parties are found out
//	go test ./agent/protocol/simulator -run TestSeeds -seed 1234 -v      one seed, with a trace of all that happened
package simulator
