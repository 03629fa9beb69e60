package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tutti-ci/tutti/dsl/plan"
)

// hardToDraw is a plan whose names and values mean something to languages of graphs.
func hardToDraw() []*plan.Plan {
	value := func(json string) []plan.Value { return []plan.Value{{Name: "v", Value: []byte(json)}} }
	return []*plan.Plan{{Pipeline: "ci", Jobs: []plan.Job{
		{Name: "end"}, // a word of both languages
		{Name: "test", Kind: plan.KindMatrix, Needs: []string{"end"}},
		{Name: "test.1", Of: "test", Matrix: value(`"a\"];\\"`)},
		{Name: "test.2", Of: "test", Matrix: value("\"<b>`x` & #1; \\n --> y\"")},
		{Name: "ask", Kind: plan.KindApproval, Needs: []string{"test"}, Optional: []string{"test"}},
		{Name: "out", Needs: []string{"ask", "test"}, Skip: `when is false: "x" == "y"`},
		{Name: "tidy", Needs: []string{"out"}, RunOn: plan.OnAlways},
	}}, {Pipeline: "other", Jobs: []plan.Job{{Name: "begin"}, {Name: "end", Needs: []string{"begin"}, RunOn: plan.OnFailed}}}}
}

func TestDotGraph(t *testing.T) {
	const want = `digraph tutti {
  rankdir=LR;
  node [shape=box];
  subgraph cluster_0 {
    label="ci";
    p0n0 [label="end"];
    p0n1 [label="test\n(v a\"];\\)\n(v <b>` + "`x`" + ` & #1; \n --> y)", shape=box3d];
    p0n2 [label="approval ask", shape=diamond];
    p0n3 [label="out\nskipped: when is false: \"x\" == \"y\"", style=dashed, fontcolor=gray];
    p0n4 [label="tidy\nalways"];
    p0n0 -> p0n1;
    p0n1 -> p0n2 [style=dashed];
    p0n2 -> p0n3;
    p0n1 -> p0n3;
    p0n3 -> p0n4;
  }
  subgraph cluster_1 {
    label="other";
    p1n0 [label="begin"];
    p1n1 [label="end\nif something failed"];
    p1n0 -> p1n1;
  }
}
`
	if diff := cmp.Diff(want, dotGraph(hardToDraw())); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestMermaidGraph(t *testing.T) {
	const want = `flowchart LR
  subgraph p0["ci"]
    p0n0["end"]
    p0n1[["test<br/>(v a#34;]#59;#92;)<br/>(v #60;b#62;#96;x#96; #38; #35;1#59; <br/> --#62; y)"]]
    p0n2{{"approval ask"}}
    p0n3["out<br/>skipped: when is false: #34;x#34; == #34;y#34;"]
    style p0n3 stroke-dasharray: 4
    p0n4["tidy<br/>always"]
    p0n0 --> p0n1
    p0n1 -.-> p0n2
    p0n2 --> p0n3
    p0n1 --> p0n3
    p0n3 --> p0n4
  end
  subgraph p1["other"]
    p1n0["begin"]
    p1n1["end<br/>if something failed"]
    p1n0 --> p1n1
  end
`
	if diff := cmp.Diff(want, mermaidGraph(hardToDraw())); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestDotGraphIsOne holds each line to the grammar, whatever the names are.
func TestDotGraphIsOne(t *testing.T) {
	statement := regexp.MustCompile(`^ *(digraph tutti \{|subgraph cluster_\d+ \{|\}|rankdir=LR;|node \[shape=box\];|label=("([^"\\]|\\.)*");|` +
		`p\d+n\d+ \[label="([^"\\]|\\.)*"(, \w+=\w+)*\];|p\d+n\d+ -> p\d+n\d+( \[style=dashed\])?;)$`)
	plans := hardToDraw()
	for _, name := range []string{"\\", `"`, "\n", `\"`, "a\\\nb\"]; x -> y", "{|}", "ü"} {
		plans[0].Pipeline, plans[0].Jobs[0].Skip = name, name
		for _, line := range strings.Split(strings.TrimSuffix(dotGraph(plans), "\n"), "\n") {
			if !statement.MatchString(line) {
				t.Errorf("%q: %q is no statement", name, line)
			}
		}
	}
}

func TestGraphOfManyInstancesStaysSmall(t *testing.T) {
	p := &plan.Plan{Pipeline: "ci", Jobs: []plan.Job{{Name: "test", Kind: plan.KindMatrix}}}
	for range 256 {
		p.Jobs = append(p.Jobs, plan.Job{Name: "test.x", Of: "test"})
	}
	if dot := dotGraph([]*plan.Plan{p}); len(dot) > 1000 || !strings.Contains(dot, "… 245 more") {
		t.Errorf("the graph is\n%s", dot)
	}
}
