package shim

import "embed"

// Source is the source of tutti-shim, for package binary, which builds it where no prebuilt one came with this binary.
// Nothing in the shim refers to it, so the linker leaves it out there.
//
//go:embed *.go mask/*.go untar/*.go pid1/*.go tutti-shim/*.go
var Source embed.FS
