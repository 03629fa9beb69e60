package dsl_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tutti-ci/tutti/dsl"
)

// TestLimits tries each limit of a file's form and of its values at its edge: n is the last that passes, and one more is
// refused with a message of its own, at a place.
func TestLimits(t *testing.T) {
	many := strings.Repeat
	local := func(expr string) string { return "locals {\n  x = " + expr + "\n}\n" + minimal }
	script := func(text string) string { return inActivity("image = \"alpine\"\nscript = <<SH\n" + text + "SH") }
	ints := func(n int) string { return "[" + strings.TrimSuffix(many("1,", n), ",") + "]" }
	cases := map[string]struct {
		n    int
		text func(n int) string
		want string // of n+1
	}{
		"FileSize":         {256 << 10, func(n int) string { return minimal + many("#", n-len(minimal)) }, "1:1 E701 File too large"},
		"NestingLists":     {49, func(n int) string { return local(many("[", n) + many("]", n)) }, "2:56 E702 Nested too deeply"},
		"NestingParens":    {49, func(n int) string { return local(many("(", n) + "1" + many(")", n)) }, "2:56 E702 Nested too deeply"},
		"NestingObjects":   {49, func(n int) string { return local(many("{ a = ", n) + "1" + many("}", n)) }, "2:301 E702 Nested too deeply"},
		"NestingTemplates": {49, func(n int) string { return local(many(`"${`, n) + "1" + many(`}"`, n)) }, "2:155 E702 Nested too deeply"},
		"Operators":        {500, func(n int) string { return local("1" + many("+1", n)) }, "2:1008 E703 Too many operators"},
		"OperatorsNot":     {500, func(n int) string { return local(many("!", n) + "true") }, "2:507 E703 Too many operators"},
		"OperatorsChoice":  {500, func(n int) string { return local(many("true?1:", n) + "1") }, "2:3511 E703 Too many operators"},
		"OperatorsIfs":     {250, func(n int) string { return local(`"` + many("%{if true}%{endif}", n) + `"`) }, "2:4508 E703 Too many operators"},
		"Digits":           {30, func(n int) string { return local(many("9", n)) }, "2:7 E704 Number too long"},
		"DigitsFraction":   {30, func(n int) string { return local("0." + many("9", n-1)) }, "2:7 E704 Number too long"},
		"Exponent":         {99, func(n int) string { return local(fmt.Sprintf("1e%d", n)) }, "2:7 E704 Number too long"},
		"ExponentNegative": {99, func(n int) string { return local(fmt.Sprintf("1e-%d", n)) }, "2:7 E704 Number too long"},
		"DigitsInText":     {30, func(n int) string { return local(`tonumber("` + many("9", n) + `")`) }, "2:7 E704 Number too long"},
		"ExponentInText":   {99, func(n int) string { return local(fmt.Sprintf(`tonumber("1e%d")`, n)) }, "2:7 E704 Number too long"},
		"NumberOfSums":     {9, func(n int) string { return local("1e33" + many(" * 1e33", n-1)) }, "2:7 E704 Number too large"},
		"Heredoc":          {16 << 10, func(n int) string { return local("<<E\n" + many("a", n-5) + "\nE") }, "2:7 E705 Heredoc too long"},
		"Script":           {128 << 10, func(n int) string { return script(many("a", n-1) + "\n") }, "6:10 E706 Script too long"},
		"ScriptQuoted":     {128 << 10, func(n int) string { return inActivity("image = \"alpine\"\nscript = \"" + many("a", n) + `"`) }, "6:10 E706 Script too long"},
		"Text":             {64 << 10, func(n int) string { return local(`"` + many("a", n) + `"`) }, "2:7 E707 Text too long"},
		"TextJoined": {64, func(n int) string {
			return local(fmt.Sprintf(`join("", [for i in range(%d) : "%s"])`, n, many("a", 1024)))
		}, "2:7 E707 Text too long"},
		"TextReplaced": {64, func(n int) string {
			return local(fmt.Sprintf(`replace("%s", "a", "%s")`, many("a", n), many("b", 1024)))
		}, "2:7 E707 Text too long"},
		"TextRepeated": {64, func(n int) string {
			return local(fmt.Sprintf(`"%%{ for i in range(%d) }%s%%{ endfor }"`, n, many("a", 1024)))
		}, "2:8 E707 Text too long"},
		"ElementsWritten":   {10_000, func(n int) string { return local(ints(n)) }, "2:7 E708 Too many elements"},
		"ElementsNested":    {4_999, func(n int) string { return local("[" + ints(n) + ", " + ints(4_999) + "]") }, "2:7 E708 Too many elements"},
		"ElementsConcat":    {5_000, func(n int) string { return local("concat(" + ints(n) + ", " + ints(5_000) + ")") }, "2:7 E708 Too many elements"},
		"ElementsSplit":     {10_000, func(n int) string { return local(`split(",", "` + many(",", n-1) + `")`) }, "2:7 E708 Too many elements"},
		"ElementsSetOfSets": {33, func(n int) string { return local(fmt.Sprintf("setproduct(range(100), range(%d))", n)) }, "2:7 E708 Too many elements"},
		"ElementsFlatten": {5_000, func(n int) string {
			return local("length(flatten([" + ints(100) + "])) + length(concat(" + ints(5_000) + ", " + ints(n) + "))")
		}, "2:0 E708 Too many elements"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := firstMistake(c.text(c.n)); got != "" {
				t.Errorf("%d: %s", c.n, got)
			}
			got := firstMistake(c.text(c.n + 1))
			if strings.HasPrefix(c.want, "2:0 ") {
				_, got, _ = strings.Cut(got, " ")
				c.want = strings.TrimPrefix(c.want, "2:0 ")
			}
			if got != c.want {
				t.Errorf("%d: %s, want %s", c.n+1, got, c.want)
			}
		})
	}
}

// minimal is a file without mistakes.
const minimal = "pipeline \"ci\" {\n on \"push\" {}\n job \"a\" {\n  activity \"x\" {\n   image = \"alpine\"\n   script = \"true\"\n  }\n }\n}\n"

func firstMistake(text string) string {
	for _, p := range dsl.Check([]dsl.File{{Name: "x.hcl", Data: []byte(text)}}) {
		return fmt.Sprintf("%d:%d %s %s", p.Start.Line, p.Start.Column, p.Code, p.Title)
	}
	return ""
}

// TestLimitsOfFolders tries the limits of all files together.
func TestLimitsOfFolders(t *testing.T) {
	folder := func(n, size int) []dsl.File {
		files := []dsl.File{{Name: "ci.hcl", Data: []byte(minimal)}}
		for i := range n - 1 {
			files = append(files, dsl.File{Name: fmt.Sprintf("f%d.hcl", i), Data: []byte(strings.Repeat("#", size))})
		}
		return files
	}
	spare := (1<<20 - len(minimal)) / 4
	cases := map[string]struct {
		files []dsl.File
		want  string
	}{
		"Files":        {folder(64, 1), ""},
		"TooManyFiles": {folder(65, 1), "E701 Too many files"},
		"Bytes":        {append(folder(5, spare), dsl.File{Name: "z.hcl", Data: make([]byte, 0)}), ""},
		"TooManyBytes": {append(folder(5, spare), dsl.File{Name: "z.hcl", Data: []byte("####")}), "E701 Files too large"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := ""
			for _, p := range dsl.Check(c.files) {
				got = p.Code + " " + p.Title
			}
			if got != c.want {
				t.Errorf("problem = %q, want %q", got, c.want)
			}
		})
	}
}

// TestSteps tries the budget of one compilation: each turn of the loops takes the same steps.
func TestSteps(t *testing.T) {
	nested := func(n int) string {
		return fmt.Sprintf("locals {\n  x = [for a in range(%d) : length([for b in range(1000) : a])]\n}\n", n) + minimal
	}
	if got := firstMistake(nested(100)); got != "" {
		t.Errorf("100,000 turns: %s", got)
	}
	if got, want := firstMistake(nested(1000)), "2:7 E709 Too expensive"; got != want {
		t.Errorf("1,000,000 turns: %q, want %q", got, want)
	}
}
