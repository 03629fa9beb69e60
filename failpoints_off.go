//go:build !failpoints

package main

import "time"

// trap answers what the parts of Tutti call at their named points, where tests make them fail: nothing, in a release.
func trap() func(point string) error { return nil }

// wall answers the machine's clock, which tests make jump.
func wall() func() time.Time { return time.Now }
