//go:build !linux

package main

// forgetProgram does nothing where the kernel does not map more of a program than it uses.
func forgetProgram() error { return nil }
