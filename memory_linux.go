package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// forgetProgram gives up the pages of the program's own file that are mapped by now, most of which only the start needed, or nobody: the
// kernel maps sixteen for each that is touched. They stay in the page cache, and those that are used come back.
func forgetProgram() error {
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return fmt.Errorf("finding the program's file: %w", err)
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return fmt.Errorf("reading what is mapped: %w", err)
	}
	for line := range strings.Lines(string(maps)) {
		fields := strings.Fields(line) // addresses, rights, offset, device, inode, path
		if len(fields) < 6 || fields[5] != program || strings.Contains(fields[1], "w") {
			continue
		}
		from, to, _ := strings.Cut(fields[0], "-")
		start, errStart := strconv.ParseUint(from, 16, 64)
		end, errEnd := strconv.ParseUint(to, 16, 64)
		if errStart != nil || errEnd != nil {
			return fmt.Errorf("reading what is mapped: %q", line)
		}
		if _, _, errno := unix.Syscall(unix.SYS_MADVISE, uintptr(start), uintptr(end-start), unix.MADV_DONTNEED); errno != 0 {
			return fmt.Errorf("giving the program's pages up: %w", errno)
		}
	}
	return nil
}
