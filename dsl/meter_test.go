package dsl_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/zclconf/go-cty/cty"

	"github.com/tutti-ci/tutti/dsl"
)

// TestMeterIsFair makes sure that no function takes long for few steps: a million of them are what one compilation may take.
// Each gets arguments as large as they can be.
func TestMeterIsFair(t *testing.T) {
	text := strings.Repeat("ab,$1\"é", 8000)
	list := make([]cty.Value, 9000)
	for i := range list {
		list[i] = cty.StringVal(fmt.Sprintf("item %d", i*7919%9000))
	}
	object := map[string]cty.Value{}
	for i := range 4000 {
		object[fmt.Sprintf("k%d", i)] = cty.NumberIntVal(int64(i))
	}
	values := map[string]cty.Value{
		"text": cty.StringVal(text), "short": cty.StringVal("a"), "empty": cty.StringVal(""), "list": cty.ListVal(list), "set": cty.SetVal(list[:4000]), "map": cty.MapVal(object),
		"object": cty.ObjectVal(object), "tuple": cty.TupleVal(list), "glob": cty.StringVal("{" + strings.Repeat("**a,", 240) + "}z"), "path": cty.StringVal(strings.Repeat("a", 60_000)),
		"pattern": cty.StringVal(strings.Repeat("(a|b)*", 10_000)), "json": cty.StringVal("[" + strings.Repeat(`{"a":1.5},`, 3000) + "1]"),
		"jsontext": cty.StringVal(`"` + strings.Repeat(`\u00e9`, 10_000) + `"`), "nested": cty.TupleVal([]cty.Value{cty.ListVal(list[:3000]), cty.ListVal(list[:3000])}),
		"version": cty.StringVal("1.2.3-" + strings.Repeat("a.", 120) + "b"), "constraint": cty.StringVal(strings.Repeat("^1 || ", 40) + "^2"), "numbers": cty.ListVal([]cty.Value{cty.NumberIntVal(1), cty.NumberIntVal(2)}),
	}
	for _, expr := range []string{
		"upper(text)", "lower(text)", "trimspace(text)", "trimprefix(text, text)", "trimsuffix(text, text)", `replace(text, "z", "b")`, `replace(text, "/[a-z]+z/", "b")`,
		`split(",", text)`, `split("é", text)`, `join("", list)`, "substr(text, 10, 20000)", "startswith(text, text)", "endswith(text, text)", `format("%s%s", short, text)`, `format("%-999s", short)`,
		"matches(glob, path)", "matches(glob, empty)", "matches(short, path)", `regex("(a|b|é)*z?", text)`, "regex(substr(pattern, 0, 1000), short)", "regex(substr(pattern, 0, 1000), path)", `regex("(.*)(.*)(.*)(.*)(.*)x?$", path)`,
		"length(text)", "length(list)", "contains(list, short)", "keys(map)", "keys(object)", "values(map)", "values(object)", "merge(map, map)", "merge(object, object)", "concat(list, numbers)",
		"concat(tuple, [1])", "flatten(nested)", "flatten([tuple])", "distinct([for i in range(1000) : i])", "sort(list)", "reverse(list)", "slice(list, 0, 8000)", "element(list, 99999)",
		`lookup(map, "k1", 1)`, "zipmap([for l in range(1000) : tostring(l)], range(1000))", "compact(list)", "coalesce(null, text)", "range(1000)", "setproduct(range(40), range(80))",
		"alltrue([for i in range(1000) : true])", "one([])", "min([for i in range(1000) : i]...)", "sum([for i in range(1000) : i])", "tostring(text)", `tonumber("1e99")`, "tolist(tuple)", "tomap(object)",
		"toset(list)", "toset(tuple)", "jsonencode(list)", "jsonencode(object)", "jsonencode(text)", "jsondecode(json)", "jsondecode(jsontext)", "base64encode(substr(text, 0, 20000))", "urlencode(substr(text, 0, 9000))",
		"sha256(text)", "semver_matches(version, constraint)", "[for x in list : x]", "{ for x in list : x => x }", "{ for x in list : substr(x, 0, 6) => x... }", "list[*]", "object.k1", "map[\"k1\"]",
		`"${text}"`, `"%{ for x in list }${x}%{ endfor }"`, "[for x in set : x]", "text == text", "length(setproduct(set, [1]))", "1e99 / 3 % 7",
		`join("", tuple)`, "sort(tuple)", "contains(tuple, short)", "compact(tuple)", "reverse(tuple)", "distinct([for l in range(400) : tostring(l)])", "short == \"a\" ? tuple : []",
		"short == \"a\" ? list : tuple", "short == \"a\" ? object : {}", "coalesce(tuple, [])", "short == \"a\" ? [tuple] : [object]", "tolist(concat(tuple, [1]))", "coalesce(object, { a = 1 })", "tomap(merge(object, { k1 = \"a\" }))", "max(range(1000)...)", "merge([object, object]...)", "values(merge(object, { a = 1 }))",
		"zipmap(slice(list, 0, 4000), slice(list, 0, 4000))", "flatten([[tuple], 1])", "tuple[8999]", "keys({ for i, x in list : tostring(i) => x })", "concat(set, set)", "toset(slice(list, 0, 3000))",
	} {
		t.Run(expr, func(t *testing.T) {
			const fair, noise = 8 * time.Microsecond, 10 * time.Millisecond
			for try := range 2 { // the first may have had to collect the garbage of others
				steps, took, err := dsl.Measure(expr, values, func() time.Duration { return cpuTime(t) })
				each := took / time.Duration(max(steps, 1))
				t.Logf("%v for %d steps: %v a step (%v)", took, steps, each, err)
				if took <= noise*slowdown || each <= fair*slowdown {
					return
				}
				if try == 1 {
					t.Errorf("%v for %d steps: %v a step", took, steps, each)
				}
			}
		})
	}
}
