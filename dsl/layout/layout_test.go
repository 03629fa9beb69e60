package layout_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tutti-ci/tutti/dsl"
	"github.com/tutti-ci/tutti/dsl/layout"
	"github.com/tutti-ci/tutti/dsl/plan"
)

func formatted(t *testing.T, text string) string {
	t.Helper()
	made, problems := layout.Format(dsl.File{Name: "ci.hcl", Data: []byte(text)})
	if len(problems) > 0 {
		t.Fatalf("problems: %v", problems)
	}
	return string(made)
}

func TestFormat(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{
			"Indents and aligns",
			"pipeline \"ci\" {\n on \"push\" {  branches=[\"main\"] }\n\tjob \"a\"{\nimage=\"x\"   # why\nenv={A=1}\n}\n}\n",
			"pipeline \"ci\" {\n  on \"push\" { branches = [\"main\"] }\n  job \"a\" {\n    image = \"x\" # why\n    env   = { A = 1 }\n  }\n}\n",
		},
		{
			"LeavesScriptsAlone",
			"job \"a\" {\n  activity \"b\" {\nscript = <<-SH\n   echo  ${X:-1} \"  %{ if\n\n\t}  \n      SH\nshell=\"bash\"\n}\n}",
			"job \"a\" {\n  activity \"b\" {\n    script = <<-SH\n   echo  ${X:-1} \"  %{ if\n\n\t}  \n      SH\n    shell  = \"bash\"\n  }\n}\n",
		},
		{
			"CountsQuotedScriptsForComments",
			"activity \"b\" {\n  script = \"echo ${A:-\\\"ü\\\"}\" # first\n  shell = \"sh\" # second\n}\n",
			"activity \"b\" {\n  script = \"echo ${A:-\\\"ü\\\"}\" # first\n  shell  = \"sh\"               # second\n}\n",
		},
		{
			"KeepsComments",
			"# one\n\n// two   \n/* three\n  3 */\nlocals {\n# four\na = 1 # five\n}\n# six  ",
			"# one\n\n// two   \n/* three\n  3 */\nlocals {\n  # four\n  a = 1 # five\n}\n# six\n",
		},
		{
			"KeepsLineEndings",
			"locals {\r\na=1\r\n  b = <<X\r\n text \r\nX\r\n}",
			"locals {\r\n  a = 1\r\n  b = <<X\r\n text \r\nX\r\n}\r\n",
		},
		{"EndsInOneLineBreak", "locals {\n}\n\n \n\n", "locals {\n}\n"},
		{"Empty", " \n\n", ""},
		{"Nothing", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := formatted(t, c.in)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if again := formatted(t, got); again != got {
				t.Errorf("formatting again changes it:\n%s", cmp.Diff(got, again))
			}
		})
	}
}

func TestFormatReportsWhatItCannotRead(t *testing.T) {
	for _, text := range []string{"a = ", "a = \"x\n", "jobs:\n  - a\n", "a {\n", "\xff"} {
		made, problems := layout.Format(dsl.File{Name: "ci.hcl", Data: []byte(text)})
		if made != nil || len(problems) == 0 {
			t.Errorf("%q became %q with problems %v", text, made, problems)
		}
	}
}

// corpus is every pipeline file of the language's own tests, right or wrong.
func corpus(tb testing.TB) map[string][]byte {
	tb.Helper()
	files := map[string][]byte{}
	for _, pattern := range []string{"*.hcl", "*/*.hcl", "*/*/*.hcl"} {
		paths, err := filepath.Glob(filepath.Join("../testdata", pattern))
		if err != nil {
			tb.Fatal(err)
		}
		for _, p := range paths {
			data, err := os.ReadFile(p)
			if err != nil {
				tb.Fatal(err)
			}
			files[p] = data
		}
	}
	if len(files) < 50 {
		tb.Fatalf("only %d files found", len(files))
	}
	return files
}

// TestFormatChangesNoPlan formats the files of the language's tests, also after all their blanks were spoilt, and compiles
// them before and after.
func TestFormatChangesNoPlan(t *testing.T) {
	done := 0
	for path, data := range corpus(t) {
		for _, text := range [][]byte{data, spoilt(data), bytes.ReplaceAll(data, []byte("\n"), []byte("\r\n"))} {
			made, problems := layout.Format(dsl.File{Name: "ci.hcl", Data: text})
			if len(problems) > 0 {
				if problems[0].Code == "" {
					t.Errorf("%s: %v", path, problems)
				}
				continue
			}
			done++
			if diff := cmp.Diff(compiled(t, text), compiled(t, made)); diff != "" {
				t.Errorf("%s means something else after formatting:\n%s", path, diff)
			}
		}
	}
	if done < 50 {
		t.Errorf("only %d files were formatted", done)
	}
}

// spoilt makes the indentation of a file wrong, where no text stands in several lines.
func spoilt(data []byte) []byte {
	if bytes.Contains(data, []byte("<<")) {
		return data
	}
	var b bytes.Buffer
	for line := range bytes.Lines(data) {
		b.WriteString("\t ")
		b.Write(bytes.ReplaceAll(bytes.TrimLeft(line, " \t"), []byte(" = "), []byte("   =\t ")))
	}
	return b.Bytes()
}

// compiled is all that the compiler says of a file, but for places.
func compiled(t *testing.T, data []byte) string {
	t.Helper()
	res := dsl.Compile(dsl.Request{
		Files: []dsl.File{{Name: ".tutti/ci.hcl", Data: data}},
		Event: dsl.Event{Kind: dsl.KindPush, Branch: "main", Ref: "refs/heads/main", Commit: strings.Repeat("0", 40), Run: dsl.Run{ID: 1}},
	})
	for _, p := range res.Plans {
		for i := range p.Jobs {
			for k := range p.Jobs[i].Late {
				p.Jobs[i].Late[k].Source = "" // its blanks are the file's
			}
		}
	}
	var codes []string
	for _, p := range res.Problems {
		codes = append(codes, p.Code+" "+p.Title)
	}
	text, err := json.MarshalIndent(struct {
		Plans    []*plan.Plan
		Problems []string
	}{res.Plans, codes}, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// FuzzFormat holds the promises: what is formatted stays so, keeps its scripts and can be read like before.
func FuzzFormat(f *testing.F) {
	for _, data := range corpus(f) {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		made, problems := layout.Format(dsl.File{Name: "ci.hcl", Data: data})
		if len(problems) > 0 {
			if problems[0].Code == "" {
				t.Fatalf("%q cannot be formatted: %v", data, problems)
			}
			return
		}
		again, problems := layout.Format(dsl.File{Name: "ci.hcl", Data: made})
		if len(problems) > 0 || !bytes.Equal(made, again) {
			t.Fatalf("%q becomes %q, and then %q %v", data, made, again, problems)
		}
		if diff := cmp.Diff(scripts(t, data), scripts(t, made)); diff != "" {
			t.Fatalf("%q lost a script:\n%s", data, diff)
		}
	})
}

func scripts(t *testing.T, data []byte) []string {
	t.Helper()
	list, problems := dsl.Scripts(dsl.File{Name: "ci.hcl", Data: data})
	if len(problems) > 0 {
		t.Fatalf("%q: %v", data, problems)
	}
	var texts []string
	for _, s := range list {
		texts = append(texts, string(data[s.Start:s.End]))
	}
	return texts
}

// TestDiffCanBeApplied has git apply the difference, which is the proof that it is one.
func TestDiffCanBeApplied(t *testing.T) {
	for _, text := range []string{
		"locals {\na=1\n}",
		"locals {\n  a = 1\n  b = 2\n  c = 3\n  d = 4\n  e = 5\nf=6\n  g = 7\n  h = 8\n  i = 9\n  j = 10\n  k = 11\n  l = 12\n  m = 13\n  n = 14\n   o = 15\n}\n",
		"locals {\n}\n\n\n \n",
		"locals {\na=1\n}\n\n",
		"\n\n",
	} {
		want := formatted(t, text)
		diff := layout.Diff("ci.hcl", []byte(text), []byte(want))
		if got := apply(t, text, diff); got != want {
			t.Errorf("applying\n%s\ngives %q, want %q", diff, got, want)
		}
	}
	if diff := layout.Diff("ci.hcl", []byte("a"), []byte("a")); diff != "" {
		t.Errorf("no change has the difference %q", diff)
	}
}

func apply(t *testing.T, text, diff string) string {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "ci.hcl")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "git", "apply", "-p0", "--unidiff-zero", "--allow-empty", "-")
	cmd.Dir = dir
	cmd.Stdin = strings.NewReader(strings.ReplaceAll(diff, " (formatted)", ""))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git apply: %v\n%s%s", err, out, diff)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
