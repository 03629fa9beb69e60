package dsl

import (
	"fmt"
	"maps"
	"regexp"
	"strconv"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// A meter bounds evaluation. hcl has neither a budget nor a way to be interrupted, so every node of every expression, and
// every function, asks the meter first. Once the budget is spent, each of them answers an unknown value at once: loops
// over unknown values do not run, so that whatever is under way ends quickly.
//
// The expressions of a Config are bound to its meter, so one evaluation at a time uses it (see Config.evaluator).
type meter struct {
	steps     int
	limit     int
	functions map[string]function.Function
	tree      *treeSwitch // what functions ask about files
	// Of what guard is at: the loops around it, and where what is reported already starts.
	scopes  []*hclsyntax.ForExpr
	spoiled map[int]bool
}

func newMeter() *meter {
	m := &meter{limit: maxSteps, tree: &treeSwitch{now: unknownTree{}}}
	all := functions()
	maps.Copy(all, treeFunctions(m.tree))
	m.functions = m.meterAll(all)
	return m
}

func (m *meter) reset()      { m.steps = 0 }
func (m *meter) spent() bool { return m.steps > m.limit }

// charge takes steps and says whether there were enough left.
func (m *meter) charge(steps int) bool {
	if !m.spent() {
		m.steps += steps
	}
	return !m.spent()
}

// bytesPerStep is how much text is copied in about the time of one step.
const bytesPerStep = 64

// chargeValue takes what it costs to walk through a value, and says whether it is within the limits of values.
func (m *meter) chargeValue(v cty.Value) *limitError {
	w := weight{elements: -1} // it is no element of its own
	w.add(v)
	m.charge(1 + w.elements + w.sets*10 + w.bytes/bytesPerStep)
	switch {
	case w.elements > maxElements:
		return &limitError{codeElements, "Too many elements", fmt.Sprintf("A list, map or object holds at most %d elements, "+
			"those of its elements included.", maxElements)}
	case w.text > maxStringBytes:
		return &limitError{codeStringSize, "Text too long", fmt.Sprintf("A text has at most %d KiB.", maxStringBytes>>10)}
	case w.infinite:
		return &limitError{codeOperation, "Division by zero", "This divides by zero."}
	case w.number:
		return &limitError{codeNumber, "Number too large", "Numbers go from about 1e-300 to 1e300."}
	}
	return nil
}

// A limitError is a value that exceeds a limit.
type limitError struct {
	code          code
	title, detail string
}

func (e *limitError) Error() string { return e.detail }

// diagnostic is how a node passes a mistake through hcl: with our code, for report to find.
func (e *limitError) diagnostic(at hcl.Range) *hcl.Diagnostic {
	return &hcl.Diagnostic{Severity: hcl.DiagError, Summary: e.title, Detail: e.detail, Subject: &at, Extra: e}
}

// weight is the size of a value. It stops counting where a value is too large, since values share their parts: a list of
// 1,000 lists of 1,000 lists costs little memory, and a walk through it for ever.
type weight struct {
	elements int
	bytes    int
	sets     int  // elements of sets, which are sorted for each walk
	text     int  // longest string
	number   bool // one is too large or too small
	infinite bool
}

func (w *weight) add(v cty.Value) {
	v, _ = v.Unmark()
	v, _ = v.Unmark() // a secret weighs what other text does
	if w.elements++; w.elements > maxElements || !v.IsKnown() || v.IsNull() {
		return
	}
	switch t := v.Type(); {
	case t == cty.String:
		n := len(v.AsString())
		w.bytes += n
		w.text = max(w.text, n)
	case t == cty.Number:
		const farthest = 1000 // of the binary exponent
		w.infinite = w.infinite || v.AsBigFloat().IsInf()
		if e := v.AsBigFloat().MantExp(nil); e > farthest || e < -farthest {
			w.number = true
		}
	case t.IsObjectType(): // an iterator would sort the names
		for name := range t.AttributeTypes() {
			w.add(v.GetAttr(name))
		}
	case v.CanIterateElements():
		if t.IsSetType() {
			w.sets += v.LengthInt()
		}
		for it := v.ElementIterator(); it.Next() && w.elements <= maxElements; {
			_, e := it.Element()
			w.add(e)
		}
	}
}

var numeric = regexp.MustCompile(`^[-+]?([0-9]*)\.?([0-9]*)(?:[eE][-+]?0*([0-9]*))?$`)

// smallNumber says whether a text can be handed to what may take it for a number: the limits are those of numbers in code.
func smallNumber(text string) bool {
	m := numeric.FindStringSubmatch(text)
	if m == nil {
		return true
	}
	exponent := 0
	if len(m[3]) > 0 {
		var err error
		if exponent, err = strconv.Atoi(m[3]); err != nil {
			return false
		}
	}
	return len(m[1])+len(m[2]) <= maxDigits && exponent <= maxExponent
}
