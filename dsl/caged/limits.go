package caged

import "runtime/debug"

const (
	maxStack  = 64 << 20  // bytes of one goroutine's stack; more is a fatal error
	softBytes = 400 << 20 // of memory, above which the garbage collector works harder
	hardBytes = 2 << 30   // of address space, above which an allocation is a fatal error
	cpuTime   = 3         // seconds of processor time for one request; the kernel rounds down, to 2 at worst
)

// limitProcess bounds what this process can take from its host.
func limitProcess() error {
	debug.SetMaxStack(maxStack)
	debug.SetGCPercent(400) // what one compilation needs is little, and gone after it
	debug.SetMemoryLimit(softBytes)
	return limitAddressSpace()
}
