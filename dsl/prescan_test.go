package dsl_test

import (
	"bytes"
	"os"
	"path/filepath"
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

// TestPiecesAreTheWhole makes sure that a file that is parsed block by block is what hcl makes of all of it.
func TestPiecesAreTheWhole(t *testing.T) {
	files, err := filepath.Glob("testdata/*/*.hcl")
	if err != nil || len(files) == 0 {
		t.Fatal("no files in testdata", err)
	}
	texts := append(oddTexts(),
		"a {\n b {\n c {\n d = 1\n }\n }\n e = 2\n b {} # x\n b {} /* x */\n}\nf = 3\na {}", "a {\n b {}\n} /* c */\na {\n b {}\n}\n",
		"a {\n b = 1\n b = 2\n}\n", "a {\n b {\n c = 1 +\n }\n b {}\n}\n", "a {\n b {\n x = <<E\n}\nE\n }\n}\n", "a \"${b}\" {\n}\na {\n}\n",
		"\uFEFFa {\r\n b {\r\n }\r\n}\r\n")
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(data))
	}
	for _, text := range texts {
		if diff := piecesDiffer([]byte(text)); diff != "" {
			t.Errorf("%q (-whole +pieces):\n%s", text, diff)
		}
	}
}

func piecesDiffer(data []byte) string {
	whole, pieces, ok := dsl.ParseBothWays(data)
	if !ok {
		return ""
	}
	return cmp.Diff(whole, pieces)
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
