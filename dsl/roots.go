package dsl

import (
	"slices"

	"github.com/hashicorp/hcl/v2"
)

// A root is a namespace of values: the first word of a reference.
type root struct {
	name  string
	phase phase // from which on its values exist
	doc   string
	// names are the attributes, where they do not depend on the files.
	names []string
}

// allRoots are in the order in which messages list them. Nobody changes them.
var allRoots = [...]root{
	{"event", compile, "What started the run.", []string{"kind", "commit", "branch", "tag", "actor", "message", "pull_request", "changed"}},
	{"repo", compile, "The repository of the event.", []string{"name", "owner", "url", "default_branch"}},
	{"run", compile, "The run itself.", []string{"id", "number", "url", "started_at"}},
	{"var", compile, "Variables of the server, declared by `variable` blocks.", nil},
	{"local", compile, "Values of `locals` blocks.", nil},
	{"input", compile, "Inputs of the pipeline, or of the definition.", nil},
	{"matrix", compile, "This combination of the job's matrix.", nil},
	{"job", dispatch, "Other jobs that have ended.", nil},
	{"approval", dispatch, "Answers of people.", nil},
	{"activity", agent, "Earlier activities of the same job.", nil},
	{"secret", agent, "Secrets of the server, declared by `secret` blocks.", nil},
	{"def", literal, "Definitions of these files, in `use`.", nil},
	{"lib", literal, "Definitions of libraries, in `use`.", nil},
}

func roots() []root { return allRoots[:] }

// rootOf answers a root by its name.
func rootOf(name string) (root, bool) {
	i := slices.IndexFunc(allRoots[:], func(r root) bool { return r.name == name })
	if i < 0 {
		return root{}, false
	}
	return allRoots[i], true
}

// isRoot says whether a name starts references.
func isRoot(name string) bool {
	_, ok := rootOf(name)
	return ok
}

// A reference is root.name, and maybe more, somewhere in an expression.
type reference struct {
	root, name string
	rest       []string // attributes that follow the name: "outputs", "version"
	at         place    // of root.name
	whole      place
	traversal  hcl.Traversal
}

func (r reference) String() string { return r.root + "." + r.name }

// output answers the name of the output that is referred to by job.x.outputs.y or activity.x.outputs.y.
func (r reference) output() string {
	if len(r.rest) > 1 && r.rest[0] == "outputs" {
		return r.rest[1]
	}
	return ""
}

// referenceTo reads a traversal as far as it consists of names. It answers how many of its steps that are.
func referenceTo(src *source, t hcl.Traversal) (r reference, steps int) {
	r = reference{root: t.RootName(), traversal: t, whole: src.at(t.SourceRange())}
	r.at = r.whole
	names := []string{}
	for _, step := range t[1:] {
		attr, ok := step.(hcl.TraverseAttr)
		if !ok {
			break
		}
		names = append(names, attr.Name)
	}
	if len(names) > 0 {
		r.name, r.rest = names[0], slices.Clip(names[1:])
		r.at.end = src.at(t[1].SourceRange()).end
	}
	return r, 1 + len(names)
}

// stepAt answers the place of a step's name, without its dot.
func stepAt(src *source, step hcl.Traverser) place {
	at := src.at(step.SourceRange())
	if _, ok := step.(hcl.TraverseAttr); ok {
		at.start++
	}
	return at
}
