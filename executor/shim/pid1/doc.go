// Package pid1 is what tutti-shim does inside a container: it keeps the conversation of package shim with the agent,
// starts the process of an activity as the image's user, brings its bytes into the spool, reaps what dies, ends what
// is left when the process has ended, and looks for what the process left behind.
//
// It trusts the agent and nothing else. No process of the container can trace it or see its descriptors, and it writes
// to no path that such a process can swap. It never decides what to run, and it gives up its process only when the
// agent's lease of it is over.
package pid1
