package dsl

import (
	"path"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/tutti-ci/tutti/dsl/plan"
)

// newMatrix notes the names of the axes, where they are written out, for references.
func newMatrix(n *node) *matrix {
	m := &matrix{at: n.at}
	axes := n.args["axes"]
	if axes == nil {
		return m
	}
	for _, t := range hclsyntax.Variables(axes.expr) {
		m.late = m.late || t.RootName() == "job" || t.RootName() == "approval"
	}
	object, ok := axes.expr.(*hclsyntax.ObjectConsExpr)
	if !ok {
		return m
	}
	for _, item := range object.Items {
		name, ok := literalKey(item.KeyExpr)
		if !ok {
			return m
		}
		m.names = append(m.names, name)
	}
	m.hasNames = true
	return m
}

func (b *builder) job(j *job, n *node) {
	b.text(n, "description")
	b.needs(j, n)
	j.runOn = plan.RunOn(b.word(n, "run_on"))
	b.matrix(j, n)
	j.when, j.environment, j.timeout = b.bind(n, "when"), b.bind(n, "environment"), b.bind(n, "timeout")
	j.fence, j.retries = b.bind(n, "fence"), b.bind(n, "retries")
	j.image, j.env = b.bind(n, "image"), b.bind(n, "env")
	if agent := n.first("agent"); agent != nil {
		j.labels, j.os, j.arch = b.bind(agent, "labels"), b.bind(agent, "os"), b.bind(agent, "arch")
		j.cpu, j.memory = b.bind(agent, "cpu"), b.bind(agent, "memory")
	}
	if c := n.first("concurrency"); c != nil {
		j.concurrency = b.concurrency(c)
	}
	b.parts(j, n)
	b.activities(j, n)
	for i, o := range n.all("output") {
		b.in(&scope{where: n.title(), pipeline: b.scope.pipeline, job: j, activities: len(j.activities)}, func() {
			j.outputs[i].value = b.bind(o, "value")
		})
	}
	b.seal(j)
}

func (b *builder) matrix(j *job, n *node) {
	m := n.first("matrix")
	if m == nil {
		return
	}
	own := *b.scope
	without := *j
	without.matrix = nil // its own axes are not there yet
	own.job = &without
	b.in(&own, func() {
		j.matrix.axes, j.matrix.exclude, j.matrix.include = b.bind(m, "axes"), b.bind(m, "exclude"), b.bind(m, "include")
		j.matrix.maxParallel, j.matrix.failFast = b.bind(m, "max_parallel"), b.bind(m, "fail_fast")
	})
	j.edges, j.values = without.edges, without.values
}

// parts builds what a job has besides its activities.
func (b *builder) parts(j *job, n *node) {
	if w := n.first("workspace"); w != nil {
		j.workspace = &workspace{
			checkout: b.flag(w, "checkout", true), submodules: b.flag(w, "submodules", false),
			depth: b.whole(w, "depth", 1, 0, maxDepth), unpack: b.unpack(w),
		}
	}
	for _, s := range b.limited(n.all("service"), maxParts, "a job") {
		j.services = append(j.services, &service{name: s.name,
			image: b.bind(s, "image"), env: b.bind(s, "env"), command: b.bind(s, "command"), ready: b.bind(s, "ready")})
	}
	for _, c := range b.limited(n.all("cache"), maxParts, "a job") {
		j.caches = append(j.caches, &cache{name: c.name, path: b.bind(c, "path"), key: b.bind(c, "key"), restore: b.bind(c, "restore")})
	}
	b.limited(n.all("artifact"), maxParts, "a job")
	for i, a := range n.all("artifact") {
		made := j.artifacts[i]
		made.paths, made.keep, made.whenMissing = b.bind(a, "paths"), b.bind(a, "keep"), b.bind(a, "when_missing")
	}
	b.limited(n.all("output"), maxInputs, "a job")
}

func (b *builder) activities(j *job, n *node) {
	blocks := n.all("activity")
	if len(blocks) == 0 {
		b.ps.add(codeEmpty, j.at, "No activities", `%s has nothing to do. Write activity "build" { ... }.`, n.title())
	}
	for i, a := range j.activities {
		own := *b.scope
		own.activities = i
		b.in(&own, func() { b.activity(j, a, blocks[i], n.args["image"] != nil) })
	}
}

// insideFolder says whether a path is relative, and stays below where it starts.
func insideFolder(text string) bool {
	clean := path.Clean(text)
	return text != "" && !path.IsAbs(text) && clean != ".." && !strings.HasPrefix(clean, "../") && !strings.ContainsAny(text, "\\\x00")
}
