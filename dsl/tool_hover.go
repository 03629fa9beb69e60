package dsl

import (
	"fmt"
	"strings"
)

// A Hover is what can be said about a part of a file, in Markdown.
type Hover struct {
	Text string
	At   Stretch
}

// Hover answers what stands at an offset of a file: a block, an argument, a function, or what a reference means.
func (f *Folder) Hover(file string, offset int) (Hover, bool) {
	c, ok := f.cursor(file, offset)
	if !ok || c.text.kind == textComment || c.text.kind == textScript {
		return Hover{}, false
	}
	if h, ok := f.hoverName(c); ok {
		return h, true
	}
	if c.text.kind != textCode || c.arg == nil || c.word.Start == c.word.End {
		return Hover{}, false
	}
	name := c.outline.text(c.word)
	if sig, ok := f.signatures[name]; ok && len(c.path) == 0 && strings.HasPrefix(string(c.src.data[c.word.End:]), "(") {
		return Hover{fence(sig) + "\n\n" + functionDoc(name), c.word}, true
	}
	m, ok := f.meaning(c)
	if !ok {
		return Hover{}, false
	}
	if m.inferred {
		if t, ok := f.typeOf(c, append(c.meant(c.path), name)); ok {
			m.detail = t
		}
	}
	text := fmt.Sprintf("`%s`: %s", strings.Join(append(c.path, name), "."), m.detail)
	if m.at.File != "" {
		text += fmt.Sprintf(", declared at %s", f.where(m.at))
	}
	if m.doc != "" {
		text += "\n\n" + m.doc
	}
	return Hover{text, c.word}, true
}

// hoverName answers for the name of an argument, and for the type or label of a block.
func (f *Folder) hoverName(c cursor) (Hover, bool) {
	touches := func(s Stretch) bool { return s.Start <= c.offset && c.offset <= s.End }
	for _, a := range c.body.args {
		if c.spec == nil || c.spec.Free || !touches(a.nameAt) {
			continue
		}
		if spec := c.spec.arg(a.name); spec != nil {
			return Hover{spec.markdown(), a.nameAt}, true
		}
	}
	body := c.body
	if b := body.block; b != nil && c.offset < body.start { // its head
		body = b.parent
	}
	for _, b := range body.blocks {
		spec := f.specOf(b.body)
		switch {
		case spec == nil:
		case touches(b.kindAt):
			return Hover{spec.markdown(), b.kindAt}, true
		case len(b.labels) > 0 && touches(b.labels[0].at):
			return Hover{spec.markdown(), b.labels[0].at}, true
		}
	}
	return Hover{}, false
}

// meaning answers what the word at a cursor refers to.
func (f *Folder) meaning(c cursor) (member, bool) {
	name, path := c.outline.text(c.word), c.meant(c.path)
	candidates := f.members(c, path)
	if len(path) == 0 {
		candidates = append(candidates, referenceRoots()...)
		if c.atKey() {
			candidates = f.objectKeys(c)
		}
	}
	for _, m := range candidates {
		if m.name == name {
			return m, true
		}
	}
	return member{}, false
}

// where writes a place as messages do.
func (f *Folder) where(p Place) string {
	return place{f.files[p.File].src, p.Start, p.End}.String()
}

// Definition answers where that is declared which a file refers to at an offset.
func (f *Folder) Definition(file string, offset int) (Place, bool) {
	c, ok := f.cursor(file, offset)
	if !ok || c.text.kind != textCode || c.arg == nil || c.word.Start == c.word.End {
		return Place{}, false
	}
	m, ok := f.meaning(c)
	return m.at, ok && m.at.File != ""
}
