//go:build linux

package pid1

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// A mount is one line of /proc/self/mountinfo.
type mount struct {
	point    string
	kind     string // of file system
	writable bool
	upper    string // an overlay's
}

func readMounts() ([]mount, error) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	var mounts []mount
	for line := range strings.Lines(string(text)) {
		m, err := parseMount(line)
		if err != nil {
			return nil, err
		}
		mounts = append(mounts, m)
	}
	return mounts, nil
}

// parseMount reads "36 35 98:0 / /mnt rw,noatime master:1 - ext3 /dev/root rw,errors=continue".
func parseMount(line string) (mount, error) {
	head, tail, ok := strings.Cut(strings.TrimSpace(line), " - ")
	front, back := strings.Fields(head), strings.Fields(tail)
	if !ok || len(front) < 6 || len(back) < 2 {
		return mount{}, fmt.Errorf("reading mounts: %q is in no known form", line)
	}
	super := strings.Split(back[len(back)-1], ",")
	m := mount{
		point:    unescape(front[4]),
		kind:     back[0],
		writable: slices.Contains(strings.Split(front[5], ","), "rw") && slices.Contains(super, "rw"),
	}
	for _, option := range super {
		if upper, ok := strings.CutPrefix(option, "upperdir="); ok && m.kind == "overlay" {
			m.upper = unescape(upper)
		}
	}
	return m, nil
}

// unescape undoes the kernel's octal escapes of blanks and backslashes.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
