package dsl

import (
	"fmt"
	"regexp"
	"strings"
)

// A glob is a pattern for branches, tags and paths: * is anything but "/", ** anything, ? one character but "/", and
// {a,b} either. A "!" in front of it takes matches away.
type glob struct {
	text    string
	negated bool
	pattern *regexp.Regexp // Go's regular expressions take linear time
}

func parseGlob(text string) (*glob, error) {
	g := &glob{text: text}
	rest, negated := strings.CutPrefix(text, "!")
	g.negated = negated
	switch {
	case rest == "":
		return nil, fmt.Errorf("the pattern %q is empty", text)
	case len(rest) > maxGlobLength:
		return nil, fmt.Errorf("a pattern has at most %d characters", maxGlobLength)
	}
	var b strings.Builder
	depth := 0
	b.WriteString(`(?s)^`)
	for i := 0; i < len(rest); i++ {
		switch c := rest[i]; {
		case strings.HasPrefix(rest[i:], "**/") && (i == 0 || rest[i-1] == '/'):
			b.WriteString(`(?:.*/)?`) // no folder is a folder as well
			i += 2
		case strings.HasPrefix(rest[i:], "**"):
			b.WriteString(`.*`)
			i++
		case c == '*':
			b.WriteString(`[^/]*`)
		case c == '?':
			b.WriteString(`[^/]`)
		case c == '{':
			depth++
			b.WriteString(`(?:`)
		case c == '}' && depth > 0:
			depth--
			b.WriteString(`)`)
		case c == ',' && depth > 0:
			b.WriteString(`|`)
		default:
			end := i + 1
			for end < len(rest) && !strings.ContainsRune("*?{},", rune(rest[end])) {
				end++
			}
			b.WriteString(regexp.QuoteMeta(rest[i:end]))
			i = end - 1
		}
	}
	if depth > 0 {
		return nil, fmt.Errorf("the pattern %q has a { without }", text)
	}
	pattern, err := regexp.Compile(b.String() + `$`)
	if err != nil {
		return nil, fmt.Errorf("the pattern %q cannot be read", text)
	}
	g.pattern = pattern
	return g, nil
}

// matches ignores the negation: that says what a match is good for.
func (g *glob) matches(text string) bool { return g.pattern.MatchString(text) }

// globs is a list of patterns. It matches what at least one pattern matches (any, if all are negated) and no negated one.
type globs []*glob

func (gs globs) match(text string) bool {
	wanted, positive := false, false
	for _, g := range gs {
		switch {
		case g.negated && g.matches(text):
			return false
		case !g.negated:
			positive = true
			wanted = wanted || g.matches(text)
		}
	}
	return wanted || !positive
}

// steps is what a meter charges for paths of so many bytes together: each glob takes time in the product of both lengths.
func (gs globs) steps(bytes int) int {
	n := 0
	for _, g := range gs {
		n += len(g.text)
	}
	const perStep = 512
	return 1 + bytes*n/perStep
}

func (gs globs) String() string {
	texts := make([]string, len(gs))
	for i, g := range gs {
		texts[i] = g.text
	}
	return strings.Join(texts, ", ")
}
