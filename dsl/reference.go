package dsl

import (
	"fmt"
	"strings"
)

// referenceTable writes the schema as the tables of README.md, so that the two cannot differ.
func referenceTable() string {
	var b strings.Builder
	writeReference(&b, language(), "")
	return b.String()
}

func writeReference(b *strings.Builder, spec *blockSpec, path string) {
	if spec.Name != "" {
		fmt.Fprintf(b, "### `%s`\n\n%s\n\n", path, spec.Doc)
		writeArguments(b, spec)
	}
	var later []string
	for _, a := range spec.Args {
		if a.Later {
			later = append(later, "`"+a.Name+"`")
		}
	}
	for _, s := range spec.Blocks {
		if s.Later {
			later = append(later, "`"+heading(s)+"`")
		}
	}
	if len(later) > 0 {
		where := "here"
		if spec.Name == "" {
			where = "at the top level"
		}
		fmt.Fprintf(b, "Part of language 1 %s, but not run by this release: %s.\n\n", where, strings.Join(later, ", "))
	}
	for _, s := range spec.Blocks {
		if !s.Later {
			writeReference(b, s, strings.TrimPrefix(path+" › "+heading(s), " › "))
		}
	}
}

// heading is how a block starts: job "name".
func heading(s *blockSpec) string {
	switch s.Label {
	case nameLabel:
		return s.Name + ` "name"`
	case eventLabel:
		return s.Name + ` "` + s.Event + `"`
	}
	return s.Name
}

func writeArguments(b *strings.Builder, spec *blockSpec) {
	if len(spec.argNames()) == 0 {
		return
	}
	b.WriteString("| Argument | Takes | Default | Evaluated | |\n|---|---|---|---|---|\n")
	for _, a := range spec.Args {
		if a.Later {
			continue
		}
		fallback := a.Default
		if fallback != "" {
			fallback = "`" + fallback + "`"
		}
		when := "when read"
		if a.Phase == compile {
			when = "for the event"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s | %s |\n", a.Name, a.Type, fallback, when, a.Doc)
	}
	b.WriteString("\n")
}
