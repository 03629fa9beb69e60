package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tutti-ci/tutti/dsl/plan"
)

// A graphNode is a node of a plan as a picture shows it.
type graphNode struct {
	id, label string
	kind      plan.Kind
	skipped   bool
	edges     []graphEdge
}

// A graphEdge leads from what is needed.
type graphEdge struct {
	from     string
	optional bool
}

// graphOf makes the picture of a plan. Names may hold what a language of graphs means something by, so nodes have numbers.
func graphOf(p *plan.Plan, cluster int) []graphNode {
	ids := map[string]string{}
	var nodes []graphNode
	for i, j := range nodesOf(p) {
		ids[j.Name] = fmt.Sprintf("p%dn%d", cluster, i)
		nodes = append(nodes, graphNode{id: ids[j.Name], label: graphLabel(p, j), kind: j.Kind, skipped: j.Skip != ""})
	}
	for i, j := range nodesOf(p) {
		for _, need := range j.Needs {
			nodes[i].edges = append(nodes[i].edges, graphEdge{ids[need], slices.Contains(j.Optional, need)})
		}
	}
	return nodes
}

func graphLabel(p *plan.Plan, j plan.Job) string {
	lines := []string{j.Name}
	if j.Kind == plan.KindApproval {
		lines[0] = "approval " + j.Name
	}
	for _, i := range instancesOf(p, j.Name) {
		lines = append(lines, strings.TrimSpace(strings.TrimPrefix(i.Title(), j.Name)))
	}
	switch {
	case j.Skip != "":
		lines = append(lines, "skipped: "+j.Skip)
	case j.RunOn == plan.OnFailed:
		lines = append(lines, "if something failed")
	case j.RunOn == plan.OnAlways:
		lines = append(lines, "always")
	}
	const most = 12 // a picture of 256 instances shows nothing
	if len(lines) > most {
		lines = append(lines[:most], fmt.Sprintf("… %d more", len(lines)-most))
	}
	return strings.Join(lines, "\n")
}

// dotGraph writes plans in the language of Graphviz.
func dotGraph(plans []*plan.Plan) string {
	var b strings.Builder
	b.WriteString("digraph tutti {\n  rankdir=LR;\n  node [shape=box];\n")
	for i, p := range plans {
		fmt.Fprintf(&b, "  subgraph cluster_%d {\n    label=%s;\n", i, dotText(p.Pipeline))
		nodes := graphOf(p, i)
		for _, n := range nodes {
			look := ""
			switch n.kind {
			case plan.KindApproval:
				look = ", shape=diamond"
			case plan.KindMatrix:
				look = ", shape=box3d"
			}
			if n.skipped {
				look += ", style=dashed, fontcolor=gray"
			}
			fmt.Fprintf(&b, "    %s [label=%s%s];\n", n.id, dotText(n.label), look)
		}
		for _, n := range nodes {
			for _, e := range n.edges {
				look := ""
				if e.optional {
					look = " [style=dashed]"
				}
				fmt.Fprintf(&b, "    %s -> %s%s;\n", e.from, n.id, look)
			}
		}
		b.WriteString("  }\n")
	}
	b.WriteString("}\n")
	return b.String()
}

// dotText writes text in quotes, where only quotes and backslashes mean something.
func dotText(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(text) + `"`
}

// mermaidGraph writes plans in the language of Mermaid, which GitHub and others show in Markdown.
func mermaidGraph(plans []*plan.Plan) string {
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	for i, p := range plans {
		fmt.Fprintf(&b, "  subgraph p%d[%s]\n", i, mermaidText(p.Pipeline))
		nodes := graphOf(p, i)
		for _, n := range nodes {
			left, right := "[", "]"
			switch n.kind {
			case plan.KindApproval:
				left, right = "{{", "}}"
			case plan.KindMatrix:
				left, right = "[[", "]]"
			}
			fmt.Fprintf(&b, "    %s%s%s%s\n", n.id, left, mermaidText(n.label), right)
			if n.skipped {
				fmt.Fprintf(&b, "    style %s stroke-dasharray: 4\n", n.id)
			}
		}
		for _, n := range nodes {
			for _, e := range n.edges {
				arrow := "-->"
				if e.optional {
					arrow = "-.->"
				}
				fmt.Fprintf(&b, "    %s %s %s\n", e.from, arrow, n.id)
			}
		}
		b.WriteString("  end\n")
	}
	return b.String()
}

// mermaidText writes text in quotes. What it has no escapes for is written by number; a backtick would begin Markdown.
func mermaidText(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '\n':
			b.WriteString("<br/>")
		case strings.ContainsRune("\"#<>&`\\;", r):
			fmt.Fprintf(&b, "#%d;", r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
