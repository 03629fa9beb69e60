package dsl_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/dsl"
)

// TestHostile compiles what is known to crash hcl, or to take it minutes and gigabytes. Each has to end in an error of
// the right kind, within a second of processor time.
func TestHostile(t *testing.T) {
	many := func(text string, n int) string { return strings.Repeat(text, n) }
	local := func(expr string) string { return "locals { x = " + expr + " }\n" }
	chain := func(n int, first, format string) string {
		var b strings.Builder
		fmt.Fprintf(&b, "locals {\n l0 = %s\n", first)
		for i := range n {
			fmt.Fprintf(&b, " l%d = %s\n", i+1, strings.ReplaceAll(format, "@", fmt.Sprintf("local.l%d", i)))
		}
		return b.String() + "}\n"
	}
	cases := map[string]struct{ text, code string }{
		"75 KB of [":          {local(many("[", 75<<10)), "E702"},
		"75 KB of (":          {local(many("(", 75<<10)), "E702"},
		"objects":             {local(many("{a=", 50_000)), "E702"},
		"templates":           {local(many(`"${`, 50_000)), "E702"},
		"indexes":             {local(many("x[", 50_000)), "E702"},
		"calls":               {local(many("f(", 50_000)), "E702"},
		"blocks":              {many("a {\n", 50_000), "E702"},
		"not":                 {local(many("!", 100_000) + "true"), "E703"},
		"sums":                {local("1" + many("+1", 100_000)), "E703"},
		"ternaries":           {local(many("true?1:", 30_000) + "1"), "E703"},
		"index chain":         {local("local.y" + many("[0]", 60_000)), "E703"},
		"splat chain":         {local("local.y" + many("[*]", 60_000)), "E703"},
		"if directives":       {local(`"` + many("%{if true}", 20_000) + `"`), "E703"},
		"exponent":            {local(`"x${1e10000000}"`), "E704"},
		"negative exponent":   {local(`1e-10000000`), "E704"},
		"digits":              {local(many("9", 200_000)), "E704"},
		"number in quotes":    {local(`tonumber("1e1000000000")`), "E704"},
		"sum with text":       {local(`"1e1000000000" + 1`), "E301"},
		"abs of text":         {local(`abs("1e1000000000")`), "E301"},
		"expanded text":       {local(`max(["1e1000000000"]...)`), "E301"},
		"index by text":       {local(`[1]["1e1000000000"]`), "E704"},
		"index by expression": {local(`[1]["1e${1000000000}"]`), "E301"},
		"format":              {local(`format("%d", "1e1000000000")`), "E704"},
		"format width":        {local(`format("%1000000000d", 1)`), "E305"},
		"lookup":              {local(`lookup(tomap({ a = 1 }), "b", "1e1000000000")`), "E704"},
		"powers":              {chain(30, "1e99", "@ * @"), "E704"},
		"nested for":          {local("[for x in range(1000):[for y in range(1000):[for z in range(10):x]]]"), "E709"},
		"for over literals":   {local("[for a in [" + many("0,", 9000) + "]:[for b in [" + many("0,", 9000) + "]:a]]"), "E709"},
		"for with object":     {local("{for x in range(1000): x => {for y in range(1000): y => [for z in range(1000): x]}}"), "E709"},
		"for in template":     {local(`"%{for x in range(1000)}%{for y in range(1000)}%{for z in range(1000)}${x}%{endfor}%{endfor}%{endfor}"`), "E709"},
		"string doubling":     {chain(40, `"0123456789"`, `"${@}${@}"`), "E707"},
		"list doubling":       {chain(40, `[1, 2, 3]`, `concat(@, @)`), "E708"},
		"shared lists":        {chain(10, `range(1000)`, `[for i in range(1000) : @]`), "E708"},
		"many parts":          {chain(13, `"0123456789"`, `"${@}${@}"`) + local("["+many(`"`+many("${local.l12}", 100)+`",`, 150)+"]"), "E707"},
		"setproduct":          {local("setproduct(" + many("range(10),", 7) + "[1])"), "E708"},
		"replace":             {local(`replace(replace(join("", [for i in range(1000) : "aaaaaaaaaa"]), "a", "bbbbbb"), "b", "cccccccccc")`), "E707"},
		"join":                {local(`join(join("", [for i in range(1000): "0123456789"]), range(1000))`), "E707"},
		"distinct":            {local("distinct([for i in concat(range(1000),range(1000),range(1000),range(1000),range(1000),range(1000)) : i])"), "E709"},
		"long local chain":    {chain(5000, "1", "@"), "E710"},
		"local chain":         {chain(999, "[1]", "[@]"), "E220"},
		"modulo":              {local("1e99 % 7"), "E220"},
		"heredoc":             {"locals {\n x = <<EOT\n" + many("a $ b\n", 20_000) + "EOT\n}\n", "E705"},
		"many heredocs":       {"locals {\n" + heredocs(20) + "}\n", "E705"},
		"long line":           {local(`"` + many("$", 200_000) + `"`), "E705"},
		"dollars":             {"locals {\n" + dollars(130) + "}\n", "E705"},
		"short lines":         {"locals {\n x = <<EOT\n" + many("\n", 16_000) + "EOT\n}\n", "E705"},
		"dollars at the edge": {"locals {\n" + dollars(40) + "}\n", "E220"},
		"file":                {many("#", 300<<10), "E701"},
		"syntax errors":       {many("a = =\n", 30_000), "E102"},
		"attributes":          {many("a = 1\n", 30_000), "E210"},
		"unknown blocks":      {many("a {}\n", 40_000), "E212"},
		"pipelines":           {pipelines(3000), "E216"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			start := cpuTime(t)
			problems := dsl.Check([]dsl.File{{Name: ".tutti/ci.hcl", Data: []byte(c.text)}})
			if took := cpuTime(t) - start; took > time.Second*slowdown {
				t.Errorf("took %v", took)
			}
			if len(problems) == 0 {
				t.Fatal("no problems")
			}
			for _, p := range problems {
				if p.Code == c.code {
					return
				}
			}
			t.Errorf("no %s among: %+v", c.code, problems)
		})
	}
}

// cpuTime is what this process has used: unlike the clock, it does not depend on what else the machine does.
func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		t.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func heredocs(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, " x%d = <<EOT\n%sEOT\n", i, strings.Repeat("a $ b\n", 2000))
	}
	return b.String()
}

func dollars(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, " x%d = \"%s\"\n", i, strings.Repeat("$", 300))
	}
	return b.String()
}

func pipelines(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "pipeline \"p%d\" {\n on \"push\" {}\n job \"a\" {\n  activity \"b\" { script = \"x\" }\n }\n}\n", i)
	}
	return b.String()
}
