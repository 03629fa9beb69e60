package dsl

import (
	"fmt"
	"strings"
)

// functionDoc says what a function does.
func functionDoc(name string) string {
	doc := functionDocs[name]
	if doc == "" {
		return ""
	}
	return strings.ToUpper(doc[:1]) + doc[1:] + "."
}

// markdown describes an argument.
func (a argSpec) markdown() string {
	text := fmt.Sprintf("`%s` takes %s", a.Name, a.Type)
	if len(a.Words) > 0 {
		text += " " + oneOf(a.Words)
	}
	text += "; evaluated in the " + a.Phase.String() + " phase"
	switch {
	case a.Required:
		text += "; required"
	case a.Default != "":
		text += "; default: " + strings.Trim(a.Default, "`")
	}
	text += ".\n\n" + a.Doc
	if a.NotRun != "" {
		text += "\n\nPlanned, but not run by this release: " + a.NotRun + "."
	}
	return text
}

// markdown describes a block.
func (b *blockSpec) markdown() string {
	text := "```hcl\n" + heading(b) + " { ... }\n```\n\n" + b.Doc
	if b.NotRun != "" {
		text += "\n\nPlanned, but not run by this release: " + b.NotRun + "."
	}
	return text
}
