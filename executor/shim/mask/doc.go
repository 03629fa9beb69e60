// Package mask keeps secrets out of a stream of text: it replaces them by "***" before a byte of the text goes anywhere.
//
// It owns which forms of a secret are looked for (forms.go) and how they are found (set.go, stream.go), however the
// stream is cut into pieces. The shim and the engine of tests use it; it imports the standard library only, does no I/O,
// and never sees where a secret comes from.
//
// A secret is found as it is, without the blanks around it, line by line, escaped for JSON, for URLs, for HTML or for a shell, in
// base64 (also twice, and broken into lines) and in hex. What is not found: a secret that a program takes apart, reverses,
// compresses or encrypts. Masking is hygiene, not a boundary: who has a secret can send it out.
package mask
