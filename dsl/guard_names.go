package dsl

import (
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// namedAttributes says what an object has instead, where hcl only says that it lacks an attribute. from is where a relative
// traversal starts; others start at a variable.
func namedAttributes(t hcl.Traversal, from *guarded) func(*hcl.EvalContext, cty.Value, hcl.Diagnostics) (cty.Value, hcl.Diagnostics) {
	return func(ctx *hcl.EvalContext, v cty.Value, diags hcl.Diagnostics) (cty.Value, hcl.Diagnostics) {
		for i, d := range diags {
			if d.Summary != "Unsupported attribute" {
				continue
			}
			start, name, rest := cty.NilVal, "This", t
			if from != nil {
				start = from.last
			} else {
				start, name, rest = lookUp(ctx, t.RootName()), t.RootName(), t[1:]
			}
			if better := lackingAttribute(start, name, rest); better != nil {
				diags = slices.Clone(diags)
				diags[i] = better
			}
		}
		return v, diags
	}
}

func lookUp(ctx *hcl.EvalContext, name string) cty.Value {
	for ; ctx != nil; ctx = ctx.Parent() {
		if v, ok := ctx.Variables[name]; ok {
			return v
		}
	}
	return cty.NilVal
}

// lackingAttribute follows a traversal to the first object that lacks what it names.
func lackingAttribute(v cty.Value, name string, steps hcl.Traversal) *hcl.Diagnostic {
	for _, step := range steps {
		if v == cty.NilVal {
			return nil
		}
		attr, ok := step.(hcl.TraverseAttr)
		if !ok {
			return nil
		}
		t := v.Type()
		if !t.IsObjectType() || v.IsNull() || v.IsMarked() { // its names may be secret
			return nil
		}
		if !t.HasAttribute(attr.Name) {
			names := slices.Sorted(maps.Keys(t.AttributeTypes()))
			hint := didYouMean(attr.Name, names)
			switch {
			case hint == "" && len(names) == 0:
				hint = " It has none."
			case hint == "":
				hint = " It has " + strings.Join(names, ", ") + "."
			}
			at := attr.SrcRange
			if at.End.Byte-at.Start.Byte > len(attr.Name) {
				at.Start.Byte++
				at.Start.Column++
			}
			return mistake(codeReference, "Unknown reference", at, "%s has no %q.%s", name, attr.Name, hint)
		}
		v = v.GetAttr(attr.Name)
		name += "." + attr.Name
	}
	return nil
}
