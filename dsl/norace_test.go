//go:build !race

package dsl_test

const slowdown = 1
