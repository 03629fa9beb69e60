package dsl

import (
	"fmt"
	"regexp"
	"sort"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// A node is a block that was found where the schema allows it.
type node struct {
	spec   *blockSpec
	at     place // of its type
	name   string
	nameAt place // of its label; of its type if it has none
	args   map[string]*argument
	blocks []*node // in the order of the files and, in them, of writing
}

// An argument is an argument that was found where the schema allows it.
type argument struct {
	spec   *argSpec
	at     place // of its name
	expr   hclsyntax.Expression
	exprAt place
	script *script // of typeScript, if its expression is one
}

// title names a block in a message: job "build".
func (n *node) title() string {
	switch {
	case n.spec.Name == "":
		return "a file"
	case n.name == "":
		return fmt.Sprintf("%q", n.spec.Name)
	default:
		return fmt.Sprintf("%s %q", n.spec.Name, n.name)
	}
}

// all answers the blocks of a type, in order.
func (n *node) all(name string) []*node {
	var list []*node
	for _, b := range n.blocks {
		if b.spec.Name == name {
			list = append(list, b)
		}
	}
	return list
}

// first answers the first block of a type, or nil.
func (n *node) first(name string) *node {
	if list := n.all(name); len(list) > 0 {
		return list[0]
	}
	return nil
}

// decodeAll merges the files: their blocks stand in one namespace, as if they were one file.
func decodeAll(read []parsed, spec *blockSpec, ps *problems) *node {
	root := &node{spec: spec, args: map[string]*argument{}}
	for i := range read {
		d := decoder{&read[i], ps}
		d.body(root, read[i].body)
	}
	checkTwice(root, ps)
	return root
}

// decoder turns hcl's blocks into nodes, and reports what the schema does not know.
type decoder struct {
	*parsed
	ps *problems
}

func (d decoder) body(n *node, body *hclsyntax.Body) {
	for _, a := range sortedAttributes(body) {
		d.argument(n, a)
	}
	for _, b := range body.Blocks {
		d.block(n, b)
	}
}

func sortedAttributes(body *hclsyntax.Body) []*hclsyntax.Attribute {
	list := make([]*hclsyntax.Attribute, 0, len(body.Attributes))
	for _, a := range body.Attributes {
		list = append(list, a)
	}
	sort.Slice(list, func(i, j int) bool { return list[i].NameRange.Start.Byte < list[j].NameRange.Start.Byte })
	return list
}

func (d decoder) argument(n *node, a *hclsyntax.Attribute) {
	at := d.src.at(a.NameRange)
	spec := n.spec.arg(a.Name)
	if spec == nil {
		d.unknownArgument(n, a.Name, at)
		return
	}
	arg := &argument{spec: spec, at: at, expr: a.Expr, exprAt: d.src.at(a.Expr.Range())}
	if sc, ok := d.scripts[arg.exprAt.start]; ok && spec.Type == typeScript && sc.expr == arg.exprAt.end {
		arg.script = &sc
	}
	n.args[a.Name] = arg
}

func (d decoder) unknownArgument(n *node, name string, at place) {
	spec := n.spec
	switch hint := spec.Foreign[name]; {
	case hint != "":
		d.ps.add(codeForeign, at, "Unknown argument", "There is no argument %q in %s. %s", name, n.title(), hint)
	case hasBlock(spec, name):
		d.ps.add(codeBlockOrArg, at, "This is a block", "%q is a block: write %s { ... }, without \"=\".", name, example(spec, name))
	default:
		d.ps.add(codeArgument, at, "Unknown argument", "There is no argument %q in %s.%s", name, n.title(), d.alternatives(spec, name))
	}
}

func hasBlock(spec *blockSpec, name string) bool {
	for _, b := range spec.Blocks {
		if b.Name == name {
			return true
		}
	}
	return false
}

// example shows how a block of a type starts.
func example(spec *blockSpec, name string) string {
	for _, b := range spec.Blocks {
		if b.Name == name && (b.Label == nameLabel || b.Label == hostLabel) {
			return name + ` "name"`
		}
		if b.Name == name && b.Label == eventLabel {
			return name + ` "` + b.Event + `"`
		}
	}
	return name
}

// alternatives ends the message about an unknown word: what was probably meant, or else what there is.
func (d decoder) alternatives(spec *blockSpec, name string) string {
	args, blocks := spec.argNames(), spec.blockNames()
	if hint := didYouMean(name, append(append([]string(nil), args...), blocks...)); hint != "" {
		return hint
	}
	var text string
	if len(args) > 0 {
		text += " Arguments here: " + strings.Join(args, ", ") + "."
	}
	if len(blocks) > 0 {
		text += " Blocks here: " + strings.Join(blocks, ", ") + "."
	}
	if text == "" {
		return " Nothing can be set here."
	}
	return text
}

func (d decoder) block(parent *node, b *hclsyntax.Block) {
	at := d.src.at(b.TypeRange)
	if !hasBlock(parent.spec, b.Type) {
		d.unknownBlock(parent, b.Type, at)
		return
	}
	label := ""
	if len(b.Labels) > 0 {
		label = b.Labels[0]
	}
	spec := parent.spec.block(b.Type, label)
	if spec == nil {
		d.unknownEvent(parent, b, at)
		return
	}
	n := &node{spec: spec, at: at, nameAt: at, args: map[string]*argument{}}
	if !d.labels(n, b) {
		return
	}
	parent.blocks = append(parent.blocks, n)
	d.body(n, b.Body)
	checkTwice(n, d.ps)
}

func (d decoder) unknownBlock(parent *node, name string, at place) {
	spec := parent.spec
	hint := spec.Foreign[name]
	switch arg := spec.arg(name); {
	case arg != nil && !spec.Free:
		d.ps.add(codeBlockOrArg, at, "This is an argument", "%q is an argument: write %s = ...", name, name)
	case hint != "":
		d.ps.add(codeForeign, at, "Unknown block", "There is no block %q in %s. %s", name, parent.title(), hint)
	default:
		d.ps.add(codeBlock, at, "Unknown block", "There is no block %q in %s.%s", name, parent.title(), d.alternatives(spec, name))
	}
}

func (d decoder) unknownEvent(parent *node, b *hclsyntax.Block, at place) {
	known := parent.spec.events(b.Type)
	if len(b.Labels) == 0 {
		d.ps.add(codeLabels, at, "Event missing", "Write which event it is: %s %q { ... }. Known: %s.", b.Type, known[0], strings.Join(known, ", "))
		return
	}
	d.ps.add(codeName, d.src.at(b.LabelRanges[0]), "Unknown event", "There is no event %q. Known: %s.%s",
		b.Labels[0], strings.Join(known, ", "), didYouMean(b.Labels[0], known))
}

var validName = regexp.MustCompile(`^[a-z][a-z0-9_-]*$`)

// labels reads the label of a block and checks it.
func (d decoder) labels(n *node, b *hclsyntax.Block) bool {
	want := 1
	if n.spec.Label == noLabel {
		want = 0
	}
	if len(b.Labels) != want {
		switch {
		case want == 0:
			d.ps.add(codeLabels, d.src.at(b.LabelRanges[0]), "Name not allowed", "The block %q takes no name: write %s { ... }.", b.Type, b.Type)
		case len(b.Labels) > 1:
			d.ps.add(codeLabels, d.src.at(b.LabelRanges[1]), "Second name", "The block %q takes one name only.", b.Type)
		default:
			d.ps.add(codeLabels, n.at, "Name missing", "The block %q takes one name: write %s \"name\" { ... }.", b.Type, b.Type)
		}
		return false
	}
	if want == 1 {
		n.name, n.nameAt = b.Labels[0], d.src.at(b.LabelRanges[0])
	}
	switch n.spec.Label {
	case nameLabel:
		return d.checkName(n.name, n.nameAt)
	case hostLabel:
		return d.checkHost(n.name, n.nameAt)
	}
	return true
}

var validHost = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*(:[0-9]{1,5})?$`)

func (d decoder) checkHost(name string, at place) bool {
	const longest = 253
	if len(name) <= longest && validHost.MatchString(name) {
		return true
	}
	d.ps.add(codeName, at, "Invalid name", `This must be the name of a host, such as "postgres" or "registry.example.com": lower-case letters, digits and "-".`)
	return false
}

func (d decoder) checkName(name string, at place) bool {
	switch {
	case !validName.MatchString(name):
		d.ps.add(codeName, at, "Invalid name",
			"Names consist of lower-case letters, digits, \"-\" and \"_\", and start with a letter, since expressions refer to them.")
	case len(name) > maxNameLength:
		d.ps.add(codeName, at, "Name too long", "A name has at most %d characters.", maxNameLength)
	default:
		return true
	}
	return false
}

// checkTwice reports blocks of one kind and name that stand in n more than once, and drops all but the first.
func checkTwice(n *node, ps *problems) {
	type key struct{ kind, name string }
	first := map[key]*node{}
	kept := n.blocks[:0]
	for _, b := range n.blocks {
		k := key{b.spec.Name, b.name}
		if b.spec.Many && (b.spec.Label == noLabel || b.spec.Label == eventLabel) || first[k] == nil {
			first[k] = b
			kept = append(kept, b)
			continue
		}
		ps.add(codeDuplicate, b.nameAt, "Declared twice", "There is already a block %s at %s. Every block has one place.", b.title(), first[k].nameAt)
	}
	n.blocks = kept
}
