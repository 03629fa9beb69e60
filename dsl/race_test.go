//go:build race

package dsl_test

// slowdown widens limits of time: the race detector makes code about ten times slower.
const slowdown = 10
