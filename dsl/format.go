package dsl

import (
	"fmt"
	"io"
	"strings"

	"github.com/tutti-ci/tutti/dsl/plan"
)

// The colours of Format: SGR sequences that every terminal knows.
const (
	red    = "\x1b[1;31m"
	yellow = "\x1b[1;33m"
	bold   = "\x1b[1m"
	dim    = "\x1b[2m"
	plain  = "\x1b[0m"
)

// Format writes problems as people read them in a terminal: what is wrong, where, the line with the mistake underlined,
// and what to do. It ends in a newline unless there are no problems.
func Format(w io.Writer, problems []plan.Problem, color bool) error {
	var b strings.Builder
	paint := func(style, text string) string {
		if !color || text == "" {
			return text
		}
		return style + text + plain
	}
	for i, p := range problems {
		if i > 0 {
			b.WriteByte('\n')
		}
		formatOne(&b, p, paint)
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("writing problems: %w", err)
	}
	return nil
}

func formatOne(b *strings.Builder, p plan.Problem, paint func(style, text string) string) {
	style, head := red, "error"
	if p.Severity == plan.Warning {
		style, head = yellow, "warning"
	}
	if p.Code != "" {
		head += "[" + p.Code + "]"
	}
	fmt.Fprintf(b, "%s: %s\n", paint(style, head), paint(bold, clean(p.Title)))
	if p.File != "" && p.Start.Line > 0 {
		number := itoa(p.Start.Line)
		gutter := strings.Repeat(" ", len(number))
		fmt.Fprintf(b, "%s%s %s:%d:%d\n", gutter, paint(dim, "-->"), clean(p.File), p.Start.Line, p.Start.Column)
		fmt.Fprintf(b, "%s %s %s\n", paint(dim, number), paint(dim, "|"), clean(p.Snippet))
		fmt.Fprintf(b, "%s %s %s\n", gutter, paint(dim, "|"), paint(style, p.Carets))
	} else if p.File != "" {
		fmt.Fprintf(b, " %s %s\n", paint(dim, "-->"), clean(p.File))
	}
	for line := range strings.Lines(p.Detail) {
		b.WriteString(strings.TrimRight("  "+clean(line), " \n") + "\n")
	}
}
