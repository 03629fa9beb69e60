package dsl

import (
	"fmt"
	"strings"
)

// ReferenceTable writes the schema as the tables of README.md, so that the two cannot differ.
func ReferenceTable() string {
	var b strings.Builder
	writeReference(&b, language(), "")
	return b.String()
}

func writeReference(b *strings.Builder, spec *blockSpec, path string) {
	if spec.Name != "" {
		fmt.Fprintf(b, "### `%s`\n\n%s\n\n", path, spec.Doc)
		if spec.NotRun != "" {
			fmt.Fprintf(b, "This release plans it and does not run it yet: %s.\n\n", spec.NotRun)
		}
		writeArguments(b, spec)
	}
	for _, s := range spec.Blocks {
		writeReference(b, s, strings.TrimPrefix(path+" › "+heading(s), " › "))
	}
}

func writeArguments(b *strings.Builder, spec *blockSpec) {
	if len(spec.Args) == 0 {
		return
	}
	b.WriteString("| Argument | Takes | Default | Evaluated | |\n|---|---|---|---|---|\n")
	for _, a := range spec.Args {
		fallback := a.Default
		if fallback != "" {
			fallback = "`" + fallback + "`"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s | %s |\n", a.Name, a.takes(), fallback, a.evaluated(), a.describe())
	}
	b.WriteString("\n")
}

// takes says what an argument takes, for people.
func (a argSpec) takes() string {
	if a.Type == typeWord {
		return "`\"" + strings.Join(a.Words, "\"`, `\"") + "\"`"
	}
	return string(a.Type)
}

// evaluated says when.
func (a argSpec) evaluated() string {
	when := [...]string{"when read", "for the event", "when its needs have ended", "before the activity"}[a.Phase]
	if a.Secrets && a.Phase < agent && a.Phase > literal {
		when += "; secrets later"
	}
	return when
}

func (a argSpec) describe() string {
	text := a.Doc
	if a.Required {
		text = "Required. " + text
	}
	if a.NotRun != "" {
		text += " This release does not run it yet: " + a.NotRun + "."
	}
	return text
}
