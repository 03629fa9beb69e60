package main

import (
	"fmt"
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
		return 0, fmt.Errorf("%q is not a size such as 512m or 2g", text)
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	shift := map[string]int{"": 0, "k": 10, "m": 20, "g": 30}[m[2]]
	if err != nil || n > math.MaxInt64>>shift {
		return 0, fmt.Errorf("%q is too large", text)
	}
	return n << shift, nil
}

// formatSize writes a size as parseSize reads it.
func formatSize(n int64) string {
	for _, unit := range []struct {
		shift int
		name  string
	}{{30, "g"}, {20, "m"}, {10, "k"}} {
		if n > 0 && n%(1<<unit.shift) == 0 {
			return strconv.FormatInt(n>>unit.shift, 10) + unit.name
		}
	}
	return strconv.FormatInt(n, 10)
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
