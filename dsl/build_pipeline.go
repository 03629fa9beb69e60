package dsl

import (
	"strings"

	"github.com/tutti-ci/tutti/dsl/plan"
)

// pipeline builds one in two steps: first what is declared, then what refers to it.
func (b *builder) pipeline(n *node) *pipeline {
	p := &pipeline{name: n.name, at: n.nameAt, onAt: map[string]place{}, byName: map[string]*job{}}
	b.in(&scope{where: p.title(), pipeline: p, activities: -1}, func() {
		p.description, _ = b.text(n, "description")
		p.on = b.triggers(n)
		for _, on := range n.all("on") {
			if _, ok := p.onAt[on.spec.Event]; !ok {
				p.onAt[on.spec.Event] = on.at
			}
		}
		if len(n.all("on")) == 0 {
			b.ps.add(codeEmpty, p.at, "Nothing starts this pipeline", `%s has no "on" block. Write on "push" {} or on "manual" {}.`, p.title())
		}
		b.inputs(p, n.all("input"))
		if c := n.first("concurrency"); c != nil {
			p.concurrency = b.concurrency(c)
		}
		nodes := b.declare(p, n)
		for i, j := range p.jobs {
			b.in(&scope{where: nodes[i].title(), pipeline: p, job: j, activities: -1}, func() {
				if j.approval {
					b.approval(j, nodes[i])
				} else {
					b.job(j, nodes[i])
				}
			})
		}
	})
	b.graph(p)
	return p
}

// declare gathers the nodes of the graph, with what others can refer to.
func (b *builder) declare(p *pipeline, n *node) []*node {
	var blocks []*node
	jobs := 0
	for _, child := range n.blocks {
		switch child.spec.Name {
		case "job":
			jobs++
		case "approval":
		default:
			continue
		}
		if len(blocks) == maxJobs {
			b.ps.add(codeTooMany, child.nameAt, "Too many jobs", "A pipeline has at most %d jobs.", maxJobs)
			break
		}
		j := &job{name: child.name, at: child.nameAt, in: p, approval: child.spec.Name == "approval"}
		if other := p.byName[j.name]; other != nil {
			b.ps.add(codeDuplicate, j.at, "Declared twice", "There is already %s at %s, and in a run both would have the same name.", other.title(), other.at)
			continue
		}
		if !j.approval {
			b.declareParts(j, child)
		}
		blocks = append(blocks, child)
		p.jobs = append(p.jobs, j)
		p.byName[j.name] = j
	}
	if jobs == 0 {
		b.ps.add(codeEmpty, p.at, "No jobs", `%s has no jobs. Write job "build" { ... }.`, p.title())
	}
	return blocks
}

// declareParts notes what references to a job can name: its matrix, outputs, artifacts and activities.
func (b *builder) declareParts(j *job, n *node) {
	if m := n.first("matrix"); m != nil {
		j.matrix = newMatrix(m)
	}
	for _, o := range n.all("output") {
		j.outputs = append(j.outputs, &jobOutput{name: o.name, at: o.nameAt, sensitive: b.flag(o, "sensitive", false)})
	}
	for _, a := range n.all("artifact") {
		j.artifacts = append(j.artifacts, &artifact{name: a.name})
	}
	for _, a := range b.limited(n.all("activity"), maxActivities, "a job") {
		made := &activity{name: a.name, at: a.nameAt}
		j.activities = append(j.activities, made)
		made.use = b.use(a)
		if made.use == nil {
			made.work.outputs = b.activityOutputs(a)
		}
	}
}

func (b *builder) concurrency(n *node) *concurrency {
	return &concurrency{group: b.bind(n, "group"), policy: b.bind(n, "policy")}
}

func (b *builder) approval(j *job, n *node) {
	b.text(n, "description")
	b.needs(j, n)
	j.when, j.approvers, j.message, j.timeout = b.bind(n, "when"), b.bind(n, "approvers"), b.bind(n, "message"), b.bind(n, "timeout")
	b.seal(j)
}

// seal sums up what was bound for a job.
func (b *builder) seal(j *job) {
	seen := map[string]bool{}
	for _, v := range j.values {
		for _, r := range v.refs {
			j.deferred = j.deferred || r.root == "job" || r.root == "approval"
			if r.root == "secret" && !seen[r.name] {
				seen[r.name] = true
				j.secrets = append(j.secrets, r.name)
			}
		}
	}
}

// graph checks that jobs and approvals do not wait for each other, or for a failure that cannot be.
func (b *builder) graph(p *pipeline) {
	var names []string
	for _, j := range p.jobs {
		names = append(names, j.name)
		b.neverRuns(j)
	}
	cycle := plan.Cycle(names, func(name string) []string { return p.byName[name].needs() })
	if cycle == nil {
		return
	}
	var lines strings.Builder
	for i, name := range cycle {
		j, next := p.byName[name], p.byName[cycle[(i+1)%len(cycle)]]
		lines.WriteString("\n  " + j.title() + " needs " + next.title() + " (" + j.edge(next).String() + ")")
	}
	first := p.byName[cycle[0]]
	b.ps.add(codeJobCycle, first.edge(p.byName[cycle[1%len(cycle)]]), "Cycle between jobs",
		"These wait for each other, so none could ever start:%s", lines.String())
}

// neverRuns reports what waits for a failure of nothing.
func (b *builder) neverRuns(j *job) {
	if j.runOn == plan.OnFailed && len(j.edges) == 0 {
		b.ps.add(codeNeverRuns, j.at, "Never runs", `job %q has run_on = "failed", and needs nothing that could fail. Write needs = [job.x].`, j.name)
	}
	if len(j.activities) > 0 && j.activities[0].runOn == plan.OnFailed {
		b.ps.add(codeNeverRuns, j.activities[0].at, "Never runs",
			`activity %q has run_on = "failed", which is about the activities before it, and it is the first.`, j.activities[0].name)
	}
}

func (j *job) needs() []string {
	var names []string
	for _, e := range j.edges {
		names = append(names, e.to.name)
	}
	return names
}

// edge answers the place of the edge to another node.
func (j *job) edge(to *job) place {
	for _, e := range j.edges {
		if e.to == to {
			return e.at
		}
	}
	return j.at
}
