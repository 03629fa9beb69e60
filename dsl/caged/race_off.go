//go:build !race

package caged

const raceEnabled = false
