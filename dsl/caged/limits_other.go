//go:build !linux

package caged

import "os"

// limitAddressSpace does nothing: the limits of other systems do not hold what Go reserves.
func limitAddressSpace() error { return nil }

// limitCPU does nothing: the parent's clock has to do.
func limitCPU() error { return nil }

func cpuExceeded() (exceeded <-chan os.Signal, stop func()) { return nil, func() {} }
