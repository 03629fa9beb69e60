package dsl_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/tutti-ci/tutti/dsl"
)

// tokenKinds are the tokens of hcl that the prescan has to see at the same places. Where it did not, it could take text
// for code, and blank what is no script.
func tokenKinds(t hclsyntax.TokenType) string {
	switch t {
	case hclsyntax.TokenOQuote:
		return "quote"
	case hclsyntax.TokenCQuote:
		return "unquote"
	case hclsyntax.TokenOHeredoc:
		return "heredoc"
	case hclsyntax.TokenComment:
		return "comment"
	case hclsyntax.TokenOBrace:
		return "{"
	case hclsyntax.TokenCBrace, hclsyntax.TokenTemplateSeqEnd:
		return "}"
	case hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl:
		return "template"
	}
	return ""
}

// disagreement compares the prescan of a file with hcl's scanner.
func disagreement(data []byte) string {
	marks, blanked, ok := dsl.Marks(data)
	if !ok {
		return "" // hcl never gets to see it
	}
	if len(blanked) != len(data)+1 {
		return "blanking changed the length"
	}
	tokens, _ := hclsyntax.LexConfig(blanked, "x.hcl", hcl.InitialPos) // what hcl cannot read it reports in parsing
	want := map[string][]int{}
	for _, t := range tokens {
		kind, at := tokenKinds(t.Type), t.Range.Start.Byte
		if t.Type == hclsyntax.TokenTemplateSeqEnd {
			at += bytes.IndexByte(t.Bytes, '}')
		}
		if kind != "" {
			want[kind] = append(want[kind], at)
		}
	}
	delete(marks, "unheredoc")
	return cmp.Diff(want, marks, cmpopts.EquateEmpty())
}

func TestPrescanAgrees(t *testing.T) {
	files, err := filepath.Glob("testdata/*/*.hcl")
	if err != nil || len(files) == 0 {
		t.Fatal("no files in testdata", err)
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if diff := disagreement(data); diff != "" {
			t.Errorf("%s (-hcl +prescan):\n%s", f, diff)
		}
	}
	for _, text := range oddTexts() {
		if diff := disagreement([]byte(text)); diff != "" {
			t.Errorf("%q (-hcl +prescan):\n%s", text, diff)
		}
	}
}

func oddTexts() []string {
	return []string{
		`a = "$"`, `a = "$$"`, `a = "$${b}"`, `a = "$$${b}"`, `a = "$$$${b}"`, `a = "%%{b}%"`, `a = "\${b"`, `a = "\"${"\""}\""`,
		`a = "${{ b = "}" }}"`, `a = "${b ~}c"`, "a = <<E\n$${x} ${y} %{if z}\n E\n${1\n}\nE\n", "a = <<-E\n\tb\n\tE \n", "a = <<E\r\nb\r\nE\r\n",
		"a = \"${\n1\n}\"\n", `a = b[0]["c"].d`, "# c\n// d\n/* e \" */ a = 1", `a = "x" # "y`, "a = 1 /* ${ */\n", `a = "é${"ü"}"`,
		`a { b "c" { script = 1 } }`, "activity \"x\" {\n script = \"a ${b:-\\\"c\\\"} d\"\n}\n", "activity \"x\" {\n script = <<E\n${\n\"\nE\n}\n",
		"a = <<E\n${<<F\nx\nF\n}\nE\n", "a = }{", "a = \"${}}\"", "a = (\"${(}\")\"", "a = 1.5e3.e", "a = -1-b-2", "a = <<E\n  $\nE\n",
	}
}

func TestScriptIsRaw(t *testing.T) {
	cases := map[string]struct{ in, want string }{
		"Heredoc":   {"<<SH\n  echo ${A:-b}\n\"$$\"\n  SH\n", "  echo ${A:-b}\n\"$$\"\n"},
		"Flush":     {"<<-SH\n    if x; then\n\n      y\n    fi\n  SH\n", "if x; then\n\n  y\nfi\n"},
		"FlushTabs": {"<<-SH\n\t\ta\n\t\t\tb\n\tSH\n", "a\n\tb\n"},
		"CRLF":      {"<<SH\r\na\r\nb\r\nSH\r\n", "a\nb\n"},
		"Quoted":    {`"echo \"${A}\" %{B} \\n\n\t$${C}"` + "\n", "echo \"${A}\" %{B} \\n\n\t$${C}"},
		"Combining": {"\"e\u0301\"\n", "e\u0301"}, // hcl would compose it
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, texts, ok := dsl.Blank([]byte("activity \"a\" {\n  script = " + c.in + "}\n"))
			if !ok || len(texts) != 1 {
				t.Fatalf("prescan = %q, %v", texts, ok)
			}
			if texts[0] != c.want {
				t.Errorf("script = %q, want %q", texts[0], c.want)
			}
		})
	}
}

// TestOnlyScriptsAreRaw makes sure that the word alone blanks nothing.
func TestOnlyScriptsAreRaw(t *testing.T) {
	for _, text := range []string{
		"locals {\n script = \"${a}\"\n}\n", "script = \"a\"\n", "activity \"a\" {\n env = { script = \"${a}\" }\n}\n",
		"activity \"a\" {\n scripts = \"a\"\n}\n", "activity \"a\" {\n b = script = \"a\"\n}\n", "# activity {\nscript = \"a\"\n",
	} {
		if _, texts, ok := dsl.Blank([]byte(text)); !ok || len(texts) != 0 {
			t.Errorf("%q: scripts %q, ok %v", text, texts, ok)
		}
	}
}

// FuzzPrescan looks for text that the prescan and hcl's scanner read differently.
func FuzzPrescan(f *testing.F) {
	for _, text := range oddTexts() {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 4<<10 {
			t.Skip()
		}
		if diff := disagreement(data); diff != "" {
			t.Errorf("%q (-hcl +prescan):\n%s", data, diff)
		}
	})
}

// FuzzCompile looks for text that makes the compiler panic, hang, or point outside of the file.
func FuzzCompile(f *testing.F) {
	files, err := filepath.Glob("testdata/*/*.hcl")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data))
	}
	f.Fuzz(func(t *testing.T, text string) {
		req := dsl.Request{Files: []dsl.File{{Name: "x.hcl", Data: []byte(text)}}, Event: pushTo("main")}
		res := dsl.Compile(req)
		lines := strings.Count(text, "\n") + 1
		for _, p := range res.Problems {
			if p.Code == "E901" || p.Start.Line > lines {
				t.Errorf("%q: %+v", text, p)
			}
		}
		rendered(t, res.Problems, true)
	})
}
