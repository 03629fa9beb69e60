//go:build !linux || race

package caged_test

const limitsMemory = false
