package dsl

import (
	_ "embed"
	"strings"
)

// codes is the page about all codes, which people can read as a whole as well.
//
//go:embed CODES.md
var codes string

// Explain answers what a code means, with a wrong and a right example where a file can show them; ok is false if there is no
// such code. The text is plain, for a terminal, and ends in a line break.
func Explain(code string) (text string, ok bool) {
	for _, section := range strings.Split(codes, "\n## ")[1:] {
		heading, body, _ := strings.Cut(section, "\n")
		if name, title, _ := strings.Cut(heading, " "); strings.EqualFold(name, code) {
			return name + ": " + title + "\n" + plainPage(body), true
		}
	}
	return "", false
}

// plainPage makes text of Markdown: what stands in fences is indented, and the quotes of code go.
func plainPage(markdown string) string {
	var b strings.Builder
	inside := false
	for line := range strings.Lines(strings.TrimRight(markdown, "\n")) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "```"):
			inside = !inside
			continue
		case inside && line != "":
			b.WriteString("    ")
		case !inside:
			line = strings.ReplaceAll(line, "`", "")
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}
