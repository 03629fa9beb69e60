package server

import (
	"fmt"
	"strings"

	"github.com/tutti-ci/tutti/dsl/plan"
)

// Words says the errors among problems in one line, each with its place, for where no snippet can be shown.
func Words(problems []plan.Problem) string {
	var all []string
	for _, p := range problems {
		if p.Severity != plan.Error {
			continue
		}
		text := strings.TrimSuffix(p.Detail, ".")
		if text == "" {
			text = p.Title
		}
		if p.File != "" {
			text += fmt.Sprintf(" (%s:%d)", p.File, p.Start.Line)
		}
		all = append(all, text)
	}
	return strings.Join(all, "; ")
}
