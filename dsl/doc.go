// Package dsl is the pipeline language: it turns HCL files into a plan.Plan, or into problems that say where the
// mistakes are and what to do about them.
//
// It is the only home of hcl and cty, and a pure library: the command line calls it in-process, the server through the
// child process of package caged. It never does I/O, and it never runs anything.
//
// The way of a file through the package, and the file of the package that does it:
//
//	prescan.go    one linear scan that guards hcl's parser and takes the scripts out, since they are raw
//	parse.go      hcl's parser, on text in which every script is blanks of equal length: positions stay exact
//	decode.go     the parsed body against the schema (schema.go, language*.go) gives nodes
//	build*.go     nodes give pipelines, jobs and activities (pipeline.go); names are merged over all files here
//	bind*.go      what an expression refers to, and whether that exists when it is evaluated
//	check.go      every expression evaluated with unknown values, once for each kind of event
//	compile*.go   every expression evaluated with the values of an event gives the plan
//	late.go       one part of it evaluated again, with what a run found out since
//
// The last three are one evaluator (eval.go) that knows more and more: what jobs and activities put out (ends.go), what is null
// (nulls.go), and which values are secret (secrets.go). So what is checked is what happens. Values are read as what arguments
// take in read*.go, and converted strictly in convert.go.
//
// Beside that way, triggers.go, match.go and schedule.go say what starts a pipeline, library.go and lock.go what comes from
// other repositories, and tree.go answers what expressions ask about files. CODES.md explains every message.
//
// hcl has no budget and cannot be interrupted, so guard.go wraps each node of an expression and meter.go counts.
//
// Places are byte offsets into the file as it was written (see source); hcl's own line numbers are never used, since it
// reads text in which the scripts have no lines.
package dsl
