package dsl

import (
	"maps"
	"slices"
	"sort"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"github.com/tutti-ci/tutti/dsl/plan"
)

// A builder makes pipelines out of nodes, and reports what the files alone can be blamed for. Everything that it makes can
// be used even after mistakes: what is wrong is left out.
type builder struct {
	ps     *problems
	config *Config
	// literal evaluates arguments of that phase, for which nothing exists but the text itself.
	literal *evaluator
	// scope is that of the place where the builder is.
	scope *scope
}

// newBuilder makes a builder that sees nothing but text.
func newBuilder(ps *problems) *builder {
	c := &Config{
		locals: map[string]*local{}, variables: map[string]*variable{}, secrets: map[string]*secret{},
		definitions: map[string]*definition{}, trees: map[string]tree{}, m: newMeter(),
	}
	return &builder{ps: ps, config: c, literal: &evaluator{config: c, ps: ps, commit: unknownTree{}}, scope: outside("")}
}

// outside is the scope of what belongs to no pipeline.
func outside(where string) *scope { return &scope{where: where, activities: -1} }

// build makes a Config of the files' nodes, given the definitions of libraries.
func (b *builder) build(root *node) {
	if n := root.first("tutti"); n != nil {
		b.language(n)
	}
	b.variables(root.all("variable"))
	b.secrets(root.all("secret"))
	b.definitions(root.all("activity"), "def.", "")
	b.locals(root.all("locals"))
	b.registries(root.all("registry"))
	for _, n := range root.all("pipeline") {
		b.config.pipelines = append(b.config.pipelines, b.pipeline(n))
	}
	b.sources()
}

// in makes do see another scope.
func (b *builder) in(s *scope, do func()) {
	before := b.scope
	b.scope = s
	do()
	b.scope = before
}

// now evaluates an argument of the literal phase.
func (b *builder) now(n *node, name string) (cty.Value, *value) {
	v := b.bind(n, name)
	if v == nil {
		return cty.NilVal, nil
	}
	got, ok := b.literal.eval(v)
	if !ok || !got.IsWhollyKnown() {
		return cty.NilVal, nil
	}
	return got, v
}

// text evaluates an argument of the literal phase that is a string. The value is nil if it is not set, or wrong.
func (b *builder) text(n *node, name string) (string, *value) {
	v := b.bind(n, name)
	if v == nil {
		return "", nil
	}
	text, ok := b.literal.text(v)
	if !ok {
		return "", nil
	}
	return text, v
}

// flag evaluates an argument of the literal phase that is a bool.
func (b *builder) flag(n *node, name string, fallback bool) bool {
	if flag, ok := b.literal.flag(b.bind(n, name)); ok {
		return flag
	}
	return fallback
}

// word evaluates an argument of the literal phase that is one of a few words.
func (b *builder) word(n *node, name string) string {
	word, _ := b.literal.word(b.bind(n, name))
	return word
}

// whole evaluates an argument of the literal phase that is a whole number.
func (b *builder) whole(n *node, name string, fallback, least, most int) int {
	if number, ok := b.literal.whole(b.bind(n, name), least, most); ok {
		return number
	}
	return fallback
}

func (b *builder) language(n *node) {
	got, v := b.now(n, "language")
	if v != nil && (got.Type() != cty.Number || !got.RawEquals(cty.NumberIntVal(1))) {
		b.ps.add(codeValue, v.at, "Unknown language", "This release reads language 1. Write tutti { language = 1 }.")
	}
	if text, v := b.text(n, "server"); v != nil {
		b.config.needs = b.releases(text, v)
	}
}

// locals gathers the blocks of that kind, whose names add up.
func (b *builder) locals(blocks []*node) {
	var names []string
	args := map[string]*argument{}
	for _, n := range blocks {
		for _, name := range sortedArgs(n) {
			a := n.args[name]
			switch earlier := args[name]; {
			case earlier != nil:
				b.ps.add(codeDuplicate, a.at, "Declared twice", "There is already a local %q at %s.", name, earlier.at)
			case !validName.MatchString(name) || len(name) > maxNameLength:
				b.ps.add(codeName, a.at, "Invalid name",
					"The name of a local has lower-case letters, digits, \"-\" and \"_\", starts with a letter, and has at most %d characters.", maxNameLength)
			default:
				args[name] = a
				names = append(names, name)
				b.config.locals[name] = &local{name: name, at: a.at}
			}
		}
	}
	if len(names) > maxLocals {
		b.ps.add(codeTooMany, args[names[maxLocals]].at, "Too many locals", "There can be %d.", maxLocals)
		return
	}
	for _, name := range names {
		b.in(outside("local."+name), func() {
			b.config.locals[name].value = b.bindAs("local."+name, args[name])
		})
	}
	b.orderLocals(names)
}

func sortedArgs(n *node) []string {
	names := slices.Collect(maps.Keys(n.args))
	sort.Slice(names, func(i, j int) bool { return n.args[names[i]].at.before(n.args[names[j]].at) })
	return names
}

// orderLocals finds an order in which locals can be evaluated, or the cycle that prevents one.
func (b *builder) orderLocals(names []string) {
	needs := func(name string) []string {
		if l := b.config.locals[name]; l.value != nil {
			return l.value.locals
		}
		return nil
	}
	if cycle := plan.Cycle(names, needs); cycle != nil {
		var lines strings.Builder
		for i, name := range cycle {
			next := cycle[(i+1)%len(cycle)]
			lines.WriteString("\n  local." + name + " needs local." + next + " (" + b.config.locals[name].at.String() + ")")
		}
		b.ps.add(codeLocalCycle, b.config.locals[cycle[0]].at, "Cycle between locals", "These need each other, so none has a value:%s", lines.String())
		for _, name := range cycle {
			b.config.locals[name].value = nil
		}
		return
	}
	seen := map[string]bool{}
	var visit func(name string)
	visit = func(name string) {
		if seen[name] {
			return
		}
		seen[name] = true
		for _, n := range needs(name) {
			visit(n)
		}
		b.config.order = append(b.config.order, name)
	}
	for _, name := range names {
		visit(name)
	}
	for _, name := range b.config.order { // binding went in the order of writing
		if l := b.config.locals[name]; l.value != nil {
			l.value.findVaries(b.config.locals)
		}
	}
}

// limited answers the first blocks of a kind, as many as there can be.
func (b *builder) limited(blocks []*node, most int, where string) []*node {
	if len(blocks) <= most {
		return blocks
	}
	what := blocks[0].spec.plural()
	b.ps.add(codeTooMany, blocks[most].nameAt, "Too many "+what, "%s has at most %d %s.", strings.ToUpper(where[:1])+where[1:], most, what)
	return blocks[:most]
}

// plural names blocks of a kind.
func (s *blockSpec) plural() string {
	if rest, ok := strings.CutSuffix(s.Name, "y"); ok {
		return rest + "ies"
	}
	return s.Name + "s"
}

func (b *builder) globs(n *node, name string) globs {
	got, v := b.now(n, name)
	if v == nil {
		return nil
	}
	texts, ok := b.literal.textsOf(v, got)
	var gs globs
	for i, text := range texts {
		g, err := parseGlob(text)
		if err != nil {
			b.ps.add(codeValue, v.element(i), "Invalid pattern", "In %s, %s.", v.title(), err)
			continue
		}
		gs = append(gs, g)
	}
	if ok && len(texts) == 0 {
		b.ps.add(codeValue, v.at, "Empty list", "%s matches nothing. Leave it out to match everything.", v.title())
	}
	return gs
}

// require reports arguments that a block must have.
func (b *builder) require(n *node) {
	for i := range n.spec.Args {
		if a := &n.spec.Args[i]; a.Required && n.args[a.Name] == nil {
			b.ps.add(codeMissingArgument, n.nameAt, "Missing argument", "%s lacks the argument %q.", capital(n.title()), a.Name)
		}
	}
}

func capital(text string) string {
	if text == "" || text[0] < 'a' || text[0] > 'z' {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// notRun warns once of each kind of block that this release plans and does not run.
func (b *builder) notRun(n *node) {
	if n.spec.NotRun != "" {
		b.ps.warn(codeLater, n.at, "Not run yet", "%s is planned, but this release does not run it yet: %s.", capital(n.title()), n.spec.NotRun)
	}
	for _, name := range sortedArgs(n) {
		if a := n.args[name]; a.spec.NotRun != "" {
			b.ps.warn(codeLater, a.at, "Not run yet", "%q of %s is planned, but this release does not run it yet: %s.", name, n.title(), a.spec.NotRun)
		}
	}
}

// visit does what is to be done for every block: arguments that are missing, and warnings.
func (b *builder) visit(n *node) {
	b.require(n)
	b.notRun(n)
	for _, child := range n.blocks {
		b.visit(child)
	}
}
