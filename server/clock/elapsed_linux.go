package clock

import "golang.org/x/sys/unix"

// steadily goes on while the machine sleeps, and nobody can set it.
const steadily = unix.CLOCK_BOOTTIME
