package dsl_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/dsl"
)

// FuzzPrescan looks for text that the prescan and hcl's scanner read differently, or that parses to something else block by
// block than at once.
func FuzzPrescan(f *testing.F) {
	for _, text := range seeds(f) {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 4<<10 {
			t.Skip()
		}
		if diff := disagreement(data); diff != "" {
			t.Errorf("%q (-hcl +prescan):\n%s", data, diff)
		}
		if diff := piecesDiffer(data); diff != "" {
			t.Errorf("%q (-whole +pieces):\n%s", data, diff)
		}
	})
}

// FuzzCompile looks for text that makes the compiler panic, hang, or point outside of the file.
func FuzzCompile(f *testing.F) {
	for _, text := range seeds(f) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 16<<10 {
			t.Skip()
		}
		start := cpuTime(t)
		res := dsl.Compile(dsl.Request{Files: []dsl.File{{Name: "x.hcl", Data: []byte(text)}}, Event: pushTo("main")})
		if took := cpuTime(t) - start; took > 2*time.Second*slowdown {
			t.Errorf("%q took %v", text, took)
		}
		lines := strings.Count(text, "\n") + 1
		for _, p := range res.Problems {
			if p.Code == "E901" || p.Title == "" || p.Detail == "" || p.Start.Line > lines || p.End.Line > lines {
				t.Errorf("%q: %+v", text, p)
			}
		}
		rendered(t, res.Problems, true)
	})
}

// seeds are what fuzzing starts from: every file of testdata, texts that are hard to scan, and small forms of what is known
// to crash hcl.
func seeds(f *testing.F) []string {
	files, err := filepath.Glob("testdata/*/*.hcl")
	if err != nil || len(files) == 0 {
		f.Fatal("no files in testdata", err)
	}
	texts := append(oddTexts(), crashes(20)...)
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		texts = append(texts, string(data))
	}
	return texts
}

// crashes are what makes hcl overflow its stack, or take minutes, if n is large.
func crashes(n int) []string {
	many := func(text string) string { return strings.Repeat(text, n) }
	exprs := []string{
		many("["), many("("), many("{a="), many(`"${`), many("x["), many("f("), many("!") + "true", "1" + many("+1"), many("true?1:") + "1", "local.y" + many("[0]"),
		"local.y" + many("[*]"), `"` + many("%{if true}") + `"`, `"x${1e99}"`, `tonumber("1e99")`, `"1e99" + 1`, `[1]["1e99"]`, `format("%99d", 1)`, "1e99 % 7",
		"[for x in range(9):[for y in range(9):[for z in range(9):x]]]", "setproduct(" + many("range(2),") + "[1])", `replace(replace("aaaa", "a", "bbbbbb"), "b", "cc")`,
		"<<E\n" + many("a $ b\n") + "E\n", `"%{for x in range(9)}${x}%{endfor}"`, "[for r in unknown : r.x]...", `{ for k, v in { a = 1 } : k => v... }`,
		`merge({ a = 1 }, event)`, `jsondecode("{\"a\": 1e99}")`, `regex("(a*)*b", "aaaa")`, `lookup(tomap({ a = 1 }), "b", "1e99")`, `zipmap(["a"], [1])`,
	}
	var texts []string
	for _, e := range exprs {
		texts = append(texts, "locals { x = "+e+" }\n", "pipeline \"ci\" {\n on \"push\" {}\n job \"a\" {\n  image = "+e+"\n  env = { A = "+e+" }\n }\n}\n")
	}
	return append(texts, many("a {\n"), "locals {\n x = <<E\n"+many("a $ b\n")+"E\n}\n")
}
