package main

import (
	"math"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
)

var sizeForm = regexp.MustCompile(`^(\d+)([kmg]?)$`)

// parseSize reads a size in bytes as Docker writes it: 512m, 2g. Empty is 0, which means no limit.
func parseSize(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	m := sizeForm.FindStringSubmatch(strings.ToLower(text))
	if m == nil {
		return 0, misused("--memory %q is not a size such as 512m or 2g", text)
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	shift := map[string]int{"": 0, "k": 10, "m": 20, "g": 30}[m[2]]
	if err != nil || n > math.MaxInt64>>shift {
		return 0, misused("--memory %q is too large", text)
	}
	return n << shift, nil
}

// defaultCapacity is how many jobs an agent runs at once unless told: one a processor.
func defaultCapacity() int { return runtime.NumCPU() }

var notInName = regexp.MustCompile(`[^a-z0-9._-]+`)

// projectNameOf makes the name of a project of the name of a folder.
func projectNameOf(dir string) string {
	name := strings.Trim(notInName.ReplaceAllString(strings.ToLower(filepath.Base(dir)), "-"), "-._")
	if name == "" {
		return "tree"
	}
	return name[:min(len(name), 100)]
}
