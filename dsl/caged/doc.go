// Package caged compiles pipelines in a child process, so that a hostile file can at worst kill that.
//
// The compiler itself (package dsl) refuses or bounds all that is known to hurt; but hcl can die of a stack overflow, which
// no program can recover from, and anyone who can push a branch chooses its input. The child is kept warm, so that a
// compilation costs two copies over a pipe and no start of a process.
//
// Both sides speak frames over the child's standard input and output: four bytes with the length of the body, big-endian,
// then the body, which is JSON. The child says hello once, when it can work; then it answers each request with one
// response. The end of its input ends the child, even in the middle of a compilation, so that it never outlives its parent.
//
// The server calls Compiler; main calls Serve, in the child. The package reads no files and knows no pipelines.
package caged
