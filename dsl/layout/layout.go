// Package layout formats pipeline files: blanks and indentation as everybody writes them, and nothing else.
//
// It owns what `tutti fmt` and editors do to a file. It leaves lines, line endings, comments and the text of scripts as they
// are, and never changes what a file means: the tokens of the result are those of the file, or there is no result.
// It never does I/O.
package layout

import (
	"bytes"
	"slices"

	"github.com/apparentlymart/go-textseg/v15/textseg"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"

	"github.com/tutti-ci/tutti/dsl"
	"github.com/tutti-ci/tutti/dsl/plan"
)

// maxPasses is how often hclwrite may need to agree with itself; two are the most that was ever seen.
const maxPasses = 4

// Format answers a file's text, laid out. A file that cannot be read has problems in place of a text.
func Format(f dsl.File) ([]byte, []plan.Problem) {
	scripts, problems := dsl.Scripts(f)
	if len(problems) > 0 {
		return nil, problems
	}
	hollow := cut(f.Data, scripts)
	text := bytes.TrimRight(hollow, " \t\r\n")
	text = append(bytes.Clone(text), lastBreak(hollow)...)
	if len(bytes.TrimSpace(text)) == 0 {
		return []byte{}, nil
	}
	original := tokens(text)
	for range maxPasses {
		before := text
		if text = hclwrite.Format(text); bytes.Equal(before, text) {
			break
		}
	}
	holes, problems := dsl.Scripts(dsl.File{Name: f.Name, Data: text})
	if len(problems) > 0 || len(holes) != len(scripts) || !slices.EqualFunc(original, tokens(text), sameToken) {
		return nil, []plan.Problem{{
			Severity: plan.Error, Title: "Internal error", File: f.Name,
			Detail: "Laying this file out would change what it means, so it was left alone. Please report it.",
		}}
	}
	return fill(text, holes, f.Data, scripts), nil
}

// cut takes the scripts out of a file. A quoted script is replaced by letters of the same width, since comments may be
// aligned behind it; a heredoc by nothing.
func cut(data []byte, scripts []dsl.Stretch) []byte {
	var b bytes.Buffer
	at := 0
	for _, s := range scripts {
		b.Write(data[at:s.Start])
		if s.Start > 0 && data[s.Start-1] == '"' {
			columns, _ := textseg.TokenCount(data[s.Start:s.End], textseg.ScanGraphemeClusters) // it has no errors of its own
			b.Write(bytes.Repeat([]byte{'x'}, columns))
		}
		at = s.End
	}
	b.Write(data[at:])
	return b.Bytes()
}

// fill puts the scripts back.
func fill(text []byte, holes []dsl.Stretch, data []byte, scripts []dsl.Stretch) []byte {
	var b bytes.Buffer
	at := 0
	for i, h := range holes {
		b.Write(text[at:h.Start])
		b.Write(data[scripts[i].Start:scripts[i].End])
		at = h.End
	}
	b.Write(text[at:])
	return b.Bytes()
}

// lastBreak is how the last line of a file ends: as the first one does.
func lastBreak(data []byte) []byte {
	if i := bytes.IndexByte(data, '\n'); i > 0 && data[i-1] == '\r' {
		return []byte("\r\n")
	}
	return []byte("\n")
}

func tokens(text []byte) hclsyntax.Tokens {
	list, _ := hclsyntax.LexConfig(text, "", hcl.InitialPos) // what is wrong would be wrong before and after
	return list
}

// sameToken says whether two tokens differ in their places only.
func sameToken(a, b hclsyntax.Token) bool { return a.Type == b.Type && bytes.Equal(a.Bytes, b.Bytes) }
