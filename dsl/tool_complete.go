package dsl

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

// A Completion is something that could be typed at a place.
type Completion struct {
	Label  string
	Kind   CompletionKind
	Detail string
	Doc    string // Markdown
	// Insert takes the place of Replace. Snippet is the same with places to fill in, as editors write them: $1, $0.
	Insert  string
	Snippet string
	Replace Stretch
}

// A CompletionKind says how an editor shows a completion.
type CompletionKind string

// The kinds of completions.
const (
	CompleteBlock     CompletionKind = "block"
	CompleteArgument  CompletionKind = "argument"
	CompleteWord      CompletionKind = "word"
	CompleteReference CompletionKind = "reference"
	CompleteFunction  CompletionKind = "function"
)

// Complete answers what could be typed at an offset of a file.
func (f *Folder) Complete(file string, offset int) []Completion {
	c, ok := f.cursor(file, offset)
	if !ok {
		return nil
	}
	switch {
	case c.text.kind == textComment || c.text.kind == textScript:
		return nil
	case c.text.kind == textString && c.arg == nil:
		return c.labels()
	case c.text.kind == textString:
		return c.quotedWords()
	case c.arg != nil:
		return f.completeValue(c)
	case c.atStatement():
		return c.statements()
	}
	return nil
}

// atStatement says whether an argument or a block may begin at the cursor's word.
func (c cursor) atStatement() bool {
	before := strings.TrimRight(string(c.src.data[:c.word.Start]), " \t")
	return before == "" || strings.HasSuffix(before, "\n") || strings.HasSuffix(before, "{") && c.body.start == len(before)
}

// statements are the arguments that are not set yet, and the blocks.
func (c cursor) statements() []Completion {
	if c.spec == nil {
		return nil
	}
	var list []Completion
	for _, a := range c.spec.Args {
		if set := c.body.arg(a.Name); set != nil && set.nameAt.Start != c.word.Start {
			continue
		}
		made := Completion{Label: a.Name, Kind: CompleteArgument, Detail: string(a.Type), Doc: a.markdown(), Insert: a.Name + " = ", Replace: c.word}
		if a.Type == typeScript {
			made.Snippet = a.Name + " = <<-SH\n  $0\nSH"
		}
		list = append(list, made)
	}
	for _, b := range c.spec.Blocks {
		if !b.Many && c.body.named(b.Name, b.Event) != nil {
			continue
		}
		made := Completion{Label: b.Name, Kind: CompleteBlock, Detail: heading(b), Doc: b.markdown(), Insert: heading(b) + " {}", Replace: c.word}
		switch b.Label {
		case eventLabel:
			made.Label = b.Name + ` "` + b.Event + `"`
			made.Snippet = heading(b) + " {\n  $0\n}"
		case noLabel:
			made.Snippet = b.Name + " {\n  $0\n}"
		default:
			made.Snippet = b.Name + " \"${1:name}\" {\n  $0\n}"
		}
		list = append(list, made)
	}
	return list
}

var blockHeadBefore = regexp.MustCompile(`([a-z_]+)[ \t]+"$`)

// labels are the words that may stand behind the type of a block.
func (c cursor) labels() []Completion {
	m := blockHeadBefore.FindSubmatch(c.src.data[:c.text.Start])
	if m == nil {
		return nil
	}
	spec := c.spec
	if b := c.body.block; b != nil && b.kind == string(m[1]) && len(b.labels) > 0 && b.labels[0].at == c.text.Stretch {
		spec = nil // its own body does not say what it may be
	}
	if spec == nil {
		return nil
	}
	var list []Completion
	for _, event := range spec.events(string(m[1])) {
		doc := spec.block(string(m[1]), event).markdown()
		list = append(list, Completion{Label: event, Kind: CompleteWord, Detail: string(m[1]), Doc: doc, Insert: event, Replace: c.text.Stretch})
	}
	return list
}

// words are what an argument takes if it takes few values.
func (c cursor) words() []string {
	if c.spec == nil || c.arg == nil || c.spec.Free {
		return nil
	}
	a := c.spec.arg(c.arg.name)
	switch {
	case a == nil:
		return nil
	case a.Type == typeWord:
		return a.Words
	case c.body.block.kind == "agent" && a.Name == "os":
		return []string{"linux"}
	case c.body.block.kind == "agent" && a.Name == "arch":
		return []string{"amd64", "arm64"}
	}
	return nil
}

// quotedWords completes a text in quotes that is the whole value.
func (c cursor) quotedWords() []Completion {
	if c.text.Start != c.arg.value.Start+1 {
		return nil
	}
	return c.completeWords(c.words(), c.text.Stretch, "")
}

func (c cursor) completeWords(words []string, replace Stretch, quote string) []Completion {
	var list []Completion
	for _, w := range words {
		list = append(list, Completion{Label: quote + w + quote, Kind: CompleteWord, Insert: quote + w + quote, Replace: replace})
	}
	return list
}

// completeValue completes an expression.
func (f *Folder) completeValue(c cursor) []Completion {
	var a *argSpec
	if c.spec != nil {
		a = c.spec.arg(c.arg.name)
	}
	if a == nil {
		a = &argSpec{Type: typeAny, Phase: agent}
	}
	if len(c.path) == 0 && c.atKey() {
		if list := f.objectKeys(c); list != nil {
			return c.completeMembers(list, " = ")
		}
	}
	if len(c.path) == 0 {
		if words := c.words(); words != nil {
			return c.completeWords(words, c.word, `"`)
		}
		switch a.Type {
		case typeKeyword:
			return c.completeWords(typeWords, c.word, "")
		case typeUse:
			return c.completeMembers(referenceRoots(), ".")
		case typeNeeds:
			return append(f.needs(c), f.completeFunctions(c, "optional")...)
		case typeUnpack:
			return c.completeMembers(named(rootMembers(), "job"), ".")
		}
	}
	if len(c.path) > 0 {
		return c.completeMembers(f.members(c, c.meant(c.path)), "")
	}
	list := c.completeWords(bools(a), c.word, "")
	if a.Phase == literal && a.Type != typeScript {
		return list
	}
	roots := slices.DeleteFunc(f.roots(c), func(m member) bool { return earliest(m.name) > a.Phase || m.name == "secret" && !a.Secrets })
	list = append(list, c.completeMembers(roots, ".")...)
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(f.signatures)), func(n string) bool { return n == "optional" })
	return append(list, f.completeFunctions(c, names...)...)
}

func bools(a *argSpec) []string {
	if a.Type == typeBool {
		return []string{"true", "false"}
	}
	return nil
}

// earliest answers the phase from which on a root has values.
func earliest(name string) phase {
	r, _ := rootOf(name)
	return r.phase
}

func named(list []member, names ...string) []member {
	return slices.DeleteFunc(slices.Clone(list), func(m member) bool { return !slices.Contains(names, m.name) })
}

// needs are the jobs and approvals of the pipeline, but for the one that needs them.
func (f *Folder) needs(c cursor) []Completion {
	var list []Completion
	for _, kind := range []string{"job", "approval"} {
		for _, m := range f.members(c, []string{kind}) {
			if m.at.Stretch != c.body.block.at() {
				m.name = kind + "." + m.name
				list = append(list, c.completeMembers([]member{m}, "")...)
			}
		}
	}
	return list
}

// objectKeys are the names that an object which is written out may have.
func (f *Folder) objectKeys(c cursor) []member {
	switch c.arg.name {
	case "with":
		if def, ok := f.used(c.outline, c.within.activity); ok {
			return def.declaredIn(def.block.body, "input")
		}
	case "retries":
		if c.body.block.kind == "job" {
			return named(retryCauses, "lost")
		}
		return retryCauses
	case "exclude", "include":
		if c.within.job != nil {
			return c.axes(c.within.job)
		}
	}
	return nil
}

func (c cursor) completeMembers(members []member, after string) []Completion {
	var list []Completion
	for _, m := range members {
		if m.name != "" {
			list = append(list, Completion{Label: m.name, Kind: CompleteReference, Detail: m.detail, Doc: m.doc, Insert: m.name + after, Replace: c.word})
		}
	}
	return list
}

func (f *Folder) completeFunctions(c cursor, names ...string) []Completion {
	var list []Completion
	for _, name := range names {
		list = append(list, Completion{
			Label: name, Kind: CompleteFunction, Detail: f.signatures[name], Doc: functionDoc(name),
			Insert: name + "(", Snippet: name + "($0)", Replace: c.word,
		})
	}
	return list
}
