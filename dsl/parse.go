package dsl

import (
	"bytes"
	"regexp"
	"sort"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// A parsed is one file that hcl could read.
type parsed struct {
	src     *source
	body    *hclsyntax.Body
	scripts map[int]script // by the offset of the attribute's expression
}

func parse(files []File, libraries []Library, ps *problems) *Config {
	files, lock := splitLock(files)
	if !checkSizes(files, ps) {
		return nil
	}
	sorted := append([]File(nil), files...)
	sort.SliceStable(sorted, func(i, j int) bool { return sorted[i].Name < sorted[j].Name })
	var read []parsed
	for _, f := range sorted {
		if p, ok := parseFile(newSource(f), ps); ok {
			read = append(read, p)
		}
	}
	if ps.failed() {
		return nil // whatever else could be said may follow from what was misread
	}
	b := newBuilder(ps)
	root := decodeAll(read, language(), ps)
	b.visit(root)
	b.declareLibraries(root, lock, libraries)
	b.build(root)
	if len(b.config.pipelines) == 0 && !ps.failed() {
		ps.add(codeEmpty, firstPlace(read), "No pipeline", `No file declares a pipeline. Write pipeline "ci" { ... }.`)
	}
	b.config.check(ps)
	return b.config
}

func checkSizes(files []File, ps *problems) bool {
	total := 0
	for _, f := range files {
		src := &source{name: f.Name, lines: []int{0}}
		total += len(f.Data)
		if len(f.Data) > maxFileBytes {
			ps.add(codeSize, place{src: src}, "File too large", "%s has %d bytes; a file holds at most %d KiB.",
				f.Name, len(f.Data), maxFileBytes>>10)
		}
	}
	if len(files) > maxFiles {
		ps.add(codeSize, place{}, "Too many files", "There are %d files; a pipeline folder holds at most %d.", len(files), maxFiles)
	}
	if total > maxAllBytes {
		ps.add(codeSize, place{}, "Files too large", "All files together have %d bytes; they may have %d KiB.", total, maxAllBytes>>10)
	}
	return !ps.failed()
}

func firstPlace(read []parsed) place {
	if len(read) == 0 {
		return place{}
	}
	return place{src: read[0].src}
}

func parseFile(src *source, ps *problems) (parsed, bool) {
	if looksForeign(src, ps) {
		return parsed{}, false
	}
	s := newScanner(src, ps)
	if !s.scan() {
		return parsed{}, false
	}
	body, ok := parsePieces(s)
	if ok && bytes.IndexByte(src.data, '\r') >= 0 {
		unixHeredocs(src, body)
	}
	return parsed{src, body, s.scripts}, ok
}

// unixHeredocs takes the CR out of the line breaks of heredocs, so that a value does not depend on how git checked its file
// out. A CR that is written as \r stays.
func unixHeredocs(src *source, body *hclsyntax.Body) {
	_ = hclsyntax.VisitAll(body, func(n hclsyntax.Node) hcl.Diagnostics { // the visitor makes no diagnostics of its own
		text, ok := n.(*hclsyntax.LiteralValueExpr)
		if !ok || text.Val.Type() != cty.String || text.Val.IsNull() {
			return nil
		}
		if at := text.SrcRange; bytes.IndexByte(src.data[at.Start.Byte:min(at.End.Byte, len(src.data))], '\r') >= 0 {
			text.Val = cty.StringVal(unixLines(text.Val.AsString()))
		}
		return nil
	})
}

var yamlLine = regexp.MustCompile(`^("?[A-Za-z_][\w.-]*"?[ \t]*:([ \t]|$)|---[ \t]*$|- )`)

// looksForeign notices files that are no HCL at all, before every line of them becomes a mistake of its own.
func looksForeign(src *source, ps *problems) bool {
	for i := range src.lines {
		line := src.text(i)
		text := strings.TrimSpace(string(line))
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		at := place{src, src.lines[i], src.lines[i] + len(line)}
		switch {
		case yamlLine.MatchString(text):
			ps.add(codeYAML, at, "This looks like YAML",
				"Pipelines are written in HCL: name = value for arguments, name { ... } for blocks.")
		case text[0] == '{' || text[0] == '[' && strings.HasSuffix(strings.TrimSpace(string(src.data)), "]"):
			ps.add(codeJSON, at, "This looks like JSON",
				"Pipelines are written in HCL's own syntax: name = value for arguments, name { ... } for blocks.")
		default:
			return false
		}
		return true
	}
	return false
}
