package dsl

import (
	"regexp"
	"sort"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// A parsed is one file that hcl could read.
type parsed struct {
	src     *source
	body    *hclsyntax.Body
	scripts map[int]script // by the offset of the attribute's expression
}

func parse(files []File, ps *problems) *Config {
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
	root := decodeAll(read, language(), ps)
	config := build(root, ps)
	if len(config.pipelines) == 0 && !ps.failed() {
		ps.add(codeEmpty, firstPlace(read), "No pipeline", `No file declares a pipeline. Write pipeline "ci" { ... }.`)
	}
	config.check(ps)
	return config
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
	blanked, scripts, ok := prescan(src, ps)
	if !ok {
		return parsed{}, false
	}
	file, diags := hclsyntax.ParseConfig(blanked, src.name, hcl.InitialPos)
	if diags.HasErrors() {
		reportSyntax(src, file, diags, ps)
		return parsed{}, false
	}
	return parsed{src, file.Body.(*hclsyntax.Body), scripts}, true
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

var alreadySet = regexp.MustCompile(`The argument "([^"]+)" was already set at`)

// reportSyntax passes hcl's words on, at most one a line: what follows on a line mostly follows from the first.
func reportSyntax(src *source, file *hcl.File, diags hcl.Diagnostics, ps *problems) {
	lines := map[int]bool{}
	for _, d := range diags {
		if d.Severity != hcl.DiagError {
			continue
		}
		at := place{src: src}
		if d.Subject != nil {
			at = src.at(*d.Subject)
		}
		if line := src.line(min(at.start, len(src.data))); lines[line] {
			continue
		} else {
			lines[line] = true
		}
		if m := alreadySet.FindStringSubmatch(d.Detail); m != nil {
			reportTwice(src, file, m[1], at, ps)
			continue
		}
		ps.add(codeSyntax, at, d.Summary, "%s", d.Detail)
	}
}

// reportTwice replaces hcl's message about an argument that is set twice, which holds a line number.
func reportTwice(src *source, file *hcl.File, name string, at place, ps *problems) {
	detail := ""
	if body, ok := file.Body.(*hclsyntax.Body); ok {
		if a := innermost(body, at.start).Attributes[name]; a != nil {
			detail = " It is already set at " + src.at(a.NameRange).String() + "."
		}
	}
	ps.add(codeDuplicate, at, "Argument set twice", "An argument can be set once.%s", detail)
}

func innermost(body *hclsyntax.Body, offset int) *hclsyntax.Body {
	for _, b := range body.Blocks {
		if b.Body.SrcRange.Start.Byte <= offset && offset < b.Body.SrcRange.End.Byte {
			return innermost(b.Body, offset)
		}
	}
	return body
}
