package dsl

import (
	"encoding/json"
	"fmt"
	"slices"
	"sort"

	"github.com/zclconf/go-cty/cty"

	"github.com/tutti-ci/tutti/dsl/plan"
)

// An Evaluation is what became of an expression that somebody tried.
type Evaluation struct {
	// Wants is set if the request lacks something; all else is then empty.
	Wants *Wants
	// Type is that of the value, as the language writes it; "any" if nobody can know it yet.
	Type string
	// Value is set if it is known, and nobody's secret.
	Value json.RawMessage
	// Phase says from when on there is a value, if there is none yet: "dispatch" or "agent", or "instance" if each instance of
	// the job's matrix has one of its own.
	Phase string
	// Secret says that the value must not be shown.
	Secret   bool
	Problems []plan.Problem
}

const eachInstance = "instance"

// consoleName is the file that the problems of a tried expression are in.
const consoleName = "expression"

// Evaluate evaluates an expression as if it stood in the pipeline that a request names, or with job in that job of it. Without a
// pipeline it stands outside of all, as locals do. The event need not start the pipeline.
func Evaluate(req Request, job, expression string) Evaluation {
	config, list := ParseAll(req)
	switch {
	case config == nil:
		return Evaluation{Problems: list}
	case len(config.wants) > 0:
		return Evaluation{Wants: &Wants{Libraries: config.wants}}
	}
	ps := &problems{}
	made := config.try(&req, job, expression, ps)
	made.Problems = ps.list()
	if ps.failed() {
		return Evaluation{Problems: made.Problems}
	}
	return made
}

// try evaluates an expression. The config is changed by that, so it must be nobody else's.
func (c *Config) try(req *Request, job, expression string, ps *problems) Evaluation {
	a := parseExpression(expression, ps)
	if a == nil {
		return Evaluation{}
	}
	e, s := c.tryScope(req, job, ps)
	if e == nil {
		return Evaluation{}
	}
	b := newBuilder(ps)
	b.config = c
	var v *value
	b.in(s, func() { v = b.bindAs("the console", a) })
	if ps.failed() {
		return Evaluation{}
	}
	var got cty.Value
	e.at(e.trySpot(s), func() { got, _ = e.eval(v) })
	if lacks := e.commit.(*commitTree).lacks(); lacks != nil {
		return Evaluation{Wants: lacks}
	}
	made := Evaluation{Secret: got.ContainsMarked()}
	plain, _ := got.UnmarkDeep()
	made.Type = planType(plain.Type(), nil).String()
	switch {
	case plain.IsWhollyKnown() && !made.Secret:
		text, err := toJSON(plain)
		if err != nil {
			ps.add(codeValue, v.at, "No value", "This cannot be shown: %v.", err)
		}
		made.Value = text
	case v.phase == compile && slices.ContainsFunc(v.refs, func(r reference) bool { return r.root == "matrix" }):
		made.Phase = eachInstance
	case len(e.unresolved) > 0:
		made.Phase = e.unresolved[len(e.unresolved)-1].phase.String()
	default:
		made.Phase = max(v.phase, dispatch).String()
	}
	return made
}

// parseExpression reads an expression as the value of an argument, so that everything that guards files guards it.
func parseExpression(expression string, ps *problems) *argument {
	const before = consoleName + " = "
	src := newSource(File{Name: consoleName, Data: []byte(before + expression + "\n")})
	read, ok := parseFile(src, ps)
	if !ok || ps.failed() {
		return nil
	}
	attr := read.body.Attributes[consoleName]
	if attr == nil || len(read.body.Attributes) != 1 || len(read.body.Blocks) > 0 {
		ps.add(codeSyntax, place{src, len(before), len(src.data)}, "One expression needed", "This is more than one expression, or none.")
		return nil
	}
	return &argument{
		spec: &argSpec{Name: consoleName, Type: typeAny, Phase: agent, Secrets: true},
		at:   src.at(attr.NameRange), expr: attr.Expr, exprAt: src.at(attr.Expr.Range()),
	}
}

// tryScope makes what an expression can see: a pipeline and maybe a job of it, or nothing but what all share.
func (c *Config) tryScope(req *Request, job string, ps *problems) (*evaluator, *scope) {
	s := outside("the console")
	if req.Pipeline == "" {
		c.m.reset()
		e := &evaluator{config: c, ps: ps, known: true, settings: req.Settings, commit: newCommitTree(req, c.m.charge)}
		e.roots, e.absent = knownRoots(req.Event)
		return e, s
	}
	e, p := c.knowing(req, ps)
	if e == nil {
		return nil, nil
	}
	s.pipeline, s.where = p, p.title()
	if job == "" {
		return e, s
	}
	j := p.byName[job]
	if j == nil || j.approval {
		var names []string
		for name, node := range p.byName {
			if !node.approval {
				names = append(names, name)
			}
		}
		sort.Strings(names)
		ps.add(codeJob, place{}, "Unknown job", "There is no job %q in %s; there is %s.%s", job, p.title(), oneOf(names), didYouMean(job, names))
		return nil, nil
	}
	s.job, s.activities = j, len(j.activities)
	return e, s
}

// trySpot is the place of such an expression.
func (e *evaluator) trySpot(s *scope) spot {
	switch {
	case s.pipeline == nil:
		return spot{}
	case s.job == nil:
		return e.spotOf(s.pipeline, &job{in: s.pipeline})
	}
	at := e.spotOf(s.pipeline, s.job)
	if s.job.matrix != nil {
		e.at(at, func() { at.matrix = e.typingSpot(s.job).matrix })
	}
	return at
}

// String is the value as people read it: JSON, or what is known of it.
func (e Evaluation) String() string {
	switch {
	case e.Secret:
		return fmt.Sprintf("a secret (%s), known at %s time", e.Type, e.Phase)
	case e.Phase == eachInstance:
		return e.Type + ", of each instance of the matrix"
	case e.Phase != "":
		return fmt.Sprintf("%s, known at %s time", e.Type, e.Phase)
	}
	return fmt.Sprintf("%s (%s)", e.Value, e.Type)
}
