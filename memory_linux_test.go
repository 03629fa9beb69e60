package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

func TestForgetProgram(t *testing.T) {
	before := residentFile(t)
	if err := forgetProgram(); err != nil {
		t.Fatal(err)
	}
	if after := residentFile(t); after >= before {
		t.Errorf("%d KiB of the program were mapped, and %d are", before, after)
	}
}

// residentFile answers how many KiB of files are mapped into this process.
func residentFile(t *testing.T) (size int) {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, line, found := strings.Cut(string(status), "RssFile:")
	if _, err := fmt.Sscan(line, &size); err != nil || !found {
		t.Fatalf("no RssFile in %s (%v)", status, err)
	}
	return size
}
