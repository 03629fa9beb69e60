//go:build linux && !race

package caged_test

// limitsMemory says whether a child that eats memory dies of its own limit, rather than of the host's.
const limitsMemory = true
