package dsl

import (
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"
)

// A secretMark follows a value that must not be shown through everything that is computed from it. It names the value, as
// messages do.
type secretMark string

// mark hides a value, and notes the texts in it for the masks of logs.
func (e *evaluator) mark(v cty.Value, what string) cty.Value {
	if e.reveal {
		if e.masks == nil {
			e.masks = map[string][]string{}
		}
		e.masks[what] = texts(v, nil)
	}
	return v.Mark(secretMark(what))
}

// texts gathers all texts and numbers in a value.
func texts(v cty.Value, list []string) []string {
	v, _ = v.UnmarkDeep()
	switch {
	case v.IsNull() || !v.IsKnown() || v.Type() == cty.Bool:
		return list
	case v.Type().IsPrimitiveType():
		return append(list, plainText(v))
	case v.CanIterateElements():
		for it := v.ElementIterator(); it.Next(); {
			_, element := it.Element()
			list = texts(element, list)
		}
	}
	return list
}

// marked names what a value holds that must not be shown.
func marked(marks cty.ValueMarks) string {
	var names []string
	for m := range marks {
		if name, ok := m.(secretMark); ok {
			names = append(names, string(name))
		}
	}
	slices.Sort(names)
	return strings.Join(names, " and ")
}

// bare takes the marks off a value that goes where everybody can see it, and reports that it must not.
func (e *evaluator) bare(v *value, got cty.Value) (cty.Value, bool) {
	if !got.ContainsMarked() {
		return got, true
	}
	plain, marks := got.UnmarkDeep()
	if !e.bad[v] {
		e.leak(v, v.at, marks)
	}
	return cty.UnknownVal(plain.Type()), false
}

func (e *evaluator) leak(v *value, at place, marks cty.ValueMarks) {
	e.ps.add(codeLeak, at, "Secret would leak", "%s would contain %s, and this place is shown and stored in clear text. "+
		"Secrets may flow only into env, with, and inputs or outputs marked sensitive.", v.title(), marked(marks))
	e.spoil(v)
}

// revealed takes the marks off a value that may be secret. Where the answer is not for the agent, it is as good as unknown.
func (e *evaluator) revealed(v cty.Value) cty.Value {
	if !v.ContainsMarked() {
		return v
	}
	plain, _ := v.UnmarkDeep()
	if e.reveal {
		return plain
	}
	return cty.UnknownVal(plain.Type())
}

// secret answers the value of a secret, which only a request for an activity holds.
func (e *evaluator) secret(name string) cty.Value {
	s := e.config.secrets[name]
	what := "the secret " + name
	if e.lack.has("secret", name) {
		return cty.NullVal(cty.String)
	}
	if e.reveal && !e.typing {
		if text, ok := e.late.Instance.Secrets[name]; ok {
			return e.mark(cty.StringVal(text), what)
		}
	}
	switch known := e.settings == nil || e.settings.hasSecret(e.spot.environment, name); {
	case !e.known || known && !e.reveal || e.typing:
	case s.optional:
		return cty.NullVal(cty.String)
	default:
		e.ps.add(codeNoSecret, s.at, "Secret without a value", "The secret %q has no value%s. Set it in the settings of the project.", name, inEnvironment(e.spot.environment))
	}
	return unknownText().Mark(secretMark(what))
}

func inEnvironment(name string) string {
	if name == "" {
		return ""
	}
	return ` in environment "` + name + `"`
}

func (s *Settings) hasSecret(environment, name string) bool {
	return slices.Contains(s.Secrets[environment], name) || slices.Contains(s.Secrets[""], name)
}

func (s *Settings) variable(environment, name string) (string, bool) {
	if s == nil {
		return "", false
	}
	if text, ok := s.Variables[environment][name]; ok {
		return text, true
	}
	text, ok := s.Variables[""][name]
	return text, ok
}

// variable answers the value of a variable: that of the environment, of the project, or its default.
func (e *evaluator) variable(name string) cty.Value {
	d := e.config.variables[name]
	if !e.known {
		return e.unknown(d.typ)
	}
	key := scoped{e.spot.environment, name}
	if got, ok := e.variables[key]; ok {
		return got
	}
	if e.variables == nil {
		e.variables = map[scoped]cty.Value{}
	}
	e.variables[key] = unknownOf(d.typ.Type) // for its own checks, after a mistake
	got, ok := e.readVariable(d)
	if ok {
		e.variables[key] = got
		e.hold(d.checks, d.at)
	}
	return e.variables[key]
}

func (e *evaluator) readVariable(d *variable) (cty.Value, bool) {
	where := inEnvironment(e.spot.environment)
	text, given := e.settings.variable(e.spot.environment, d.name)
	switch {
	case given:
		v, problem := readText(text, d.typ)
		if problem != "" {
			e.ps.add(codeValue, d.at, "Invalid value", "The value of variable %q%s %s.", d.name, where, problem)
			return cty.DynamicVal, false
		}
		return v, true
	case d.fallback != cty.NilVal:
		return d.fallback, true
	case e.settings != nil:
		e.ps.add(codeNoVariable, d.at, "Variable without a value", "Variable %q (%s) has no value%s and no default. Set it in the settings of the project.",
			d.name, d.typ, where)
	}
	return cty.DynamicVal, false
}

// hold evaluates checks; what they are about must be there already. at blames who gave the value.
func (e *evaluator) hold(checks []*check, at place) {
	for _, c := range checks {
		got, ok := e.eval(c.condition)
		holds, _ := got.UnmarkDeep() // it says no more of a secret than its own message
		switch {
		case !ok || holds.Type() == cty.DynamicPseudoType && !holds.IsNull():
		case holds.IsNull() || holds.Type() != cty.Bool:
			e.mismatch(c.condition, c.condition.at, codeType, "%s must be a bool, but this is %s.", c.condition.title(), valueName(holds))
		case holds.IsKnown() && holds.False():
			e.ps.add(codeCheck, at, "Check failed", "%s", orText(c.message, "Its condition does not hold."))
		}
	}
}
