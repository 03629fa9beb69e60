package dsl

import (
	"errors"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/tutti-ci/tutti/dsl/plan"
)

// An Asked is what came of an expression that asks about files.
type Asked struct {
	Value string // "?" if it is not known
	Code  string // of a mistake
	Err   string
	Wants *Wants
	Facts Facts
}

// AskCommit evaluates an expression over the tree of a request; the one of a check if that is nil.
func AskCommit(req *Request, expr string) Asked {
	if req == nil {
		return ask(unknownTree{}, expr)
	}
	t := newCommitTree(req, newMeter().charge)
	a := ask(t, expr)
	a.Wants, a.Facts = t.lacks(), t.facts
	return a
}

// AskLibrary evaluates an expression over a library.
func AskLibrary(l *Library, expr string) Asked { return ask(newLibraryTree(l), expr) }

// ScriptOf reads a script of the commit.
func ScriptOf(req *Request, name string) (string, bool, error) {
	return newCommitTree(req, newMeter().charge).script(name)
}

func ask(t tree, text string) Asked {
	table := treeFunctions(t)
	table["semver_matches"], table["jsondecode"] = semverMatches(), jsonDecode()
	table["tostring"] = functions()["tostring"]
	expr, diags := hclsyntax.ParseExpression([]byte(text), "x.hcl", hcl.InitialPos)
	if diags.HasErrors() {
		return Asked{Err: diags.Error()}
	}
	m := newMeter()
	v, diags := expr.Value(&hcl.EvalContext{Functions: m.meterAll(table), Variables: map[string]cty.Value{
		"text": cty.UnknownVal(cty.String),
	}})
	a := Asked{Value: "?"}
	if v.IsWhollyKnown() && !diags.HasErrors() {
		a.Value = plainText(v)
	}
	for _, d := range diags {
		a.Err = d.Detail
		var own *limitError
		if call, ok := d.Extra.(hclsyntax.FunctionCallDiagExtra); ok && errors.As(call.FunctionCallError(), &own) {
			a.Code, a.Err = string(own.code), own.detail
		}
		var arg function.ArgError
		if call, ok := d.Extra.(hclsyntax.FunctionCallDiagExtra); ok && errors.As(call.FunctionCallError(), &arg) {
			a.Err = arg.Error()
		}
	}
	return a
}

// LoadLibraries builds the library blocks of files, and parses what was fetched for them. It answers the names of those that have
// to be fetched, and the names of the definitions.
func LoadLibraries(files []File, fetched []Library) (wanted, definitions []string, problems_ []plan.Problem) {
	ps := &problems{}
	rest, lock := splitLock(files)
	b := newBuilder(ps)
	locked := b.locked(parseLock(lock, ps))
	var read []parsed
	for _, f := range rest {
		if p, ok := parseFile(newSource(f), ps); ok {
			read = append(read, p)
		}
	}
	for _, l := range b.libraries(decodeAll(read, language(), ps), locked) {
		if l.ref.Commit == "" {
			continue
		}
		content, ok := l.content(fetched, ps)
		if content == nil {
			if ok {
				wanted = append(wanted, l.ref.Name)
			}
			continue
		}
		if n := parseLibrary(content, ps); n != nil {
			for _, d := range n.all("activity") {
				definitions = append(definitions, l.ref.Name+"."+d.name)
			}
		}
	}
	return wanted, definitions, ps.list()
}
