package layout

import (
	"bytes"
	"fmt"
	"strings"
)

// Diff shows what formatting does to a file, as `diff -u` would. Since formatting keeps every line but blank ones at the end,
// lines are compared one by one. It is empty if nothing changes.
func Diff(name string, before, after []byte) string {
	if bytes.Equal(before, after) {
		return ""
	}
	old, made := lines(before), lines(after)
	var b strings.Builder
	fmt.Fprintf(&b, "--- %s\n+++ %s (formatted)\n", name, name)
	const context = 3
	for at := 0; at < len(old); {
		first := at
		for first < len(old) && same(old, made, first) {
			first++
		}
		if first == len(old) {
			break
		}
		end := first // of the hunk: changes closer than two contexts share one
		for last := first; last < len(old) && last <= end+2*context; last++ {
			if !same(old, made, last) {
				end = last
			}
		}
		writeHunk(&b, old, made, max(first-context, at), first, end, min(end+1+context, len(old)))
		at = min(end+1+context, len(old))
	}
	return b.String()
}

func writeHunk(b *strings.Builder, old, made []string, from, first, last, to int) {
	newTo := min(to, len(made))
	fmt.Fprintf(b, "@@ -%s +%s @@\n", span(from, to), span(from, newTo))
	for _, l := range old[from:first] {
		writeLine(b, ' ', l)
	}
	for i := first; i <= last; {
		if same(old, made, i) {
			writeLine(b, ' ', old[i])
			i++
			continue
		}
		end := i
		for end <= last && !same(old, made, end) {
			end++
		}
		for _, l := range old[i:end] {
			writeLine(b, '-', l)
		}
		for _, l := range made[min(i, newTo):min(end, newTo)] {
			writeLine(b, '+', l)
		}
		i = end
	}
	for _, l := range old[last+1 : to] {
		writeLine(b, ' ', l)
	}
}

// span is a range of lines in the head of a hunk. An empty one names the line before it.
func span(from, to int) string {
	if to <= from {
		return fmt.Sprintf("%d,0", to)
	}
	return fmt.Sprintf("%d,%d", from+1, to-from)
}

func writeLine(b *strings.Builder, sign byte, line string) {
	b.WriteByte(sign)
	b.WriteString(line)
	if !strings.HasSuffix(line, "\n") {
		b.WriteString("\n\\ No newline at end of file\n")
	}
}

func same(old, made []string, i int) bool { return i < len(made) && old[i] == made[i] }

func lines(text []byte) []string {
	var list []string
	for l := range bytes.Lines(text) {
		list = append(list, string(l))
	}
	return list
}
