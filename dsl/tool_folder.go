package dsl

import (
	"slices"
	"sort"

	"github.com/apparentlymart/go-textseg/v15/textseg"

	"github.com/tutti-ci/tutti/dsl/plan"
)

// A Folder answers an editor's questions about pipeline files while they are being written. It finds its way also in text
// that is broken, and checks nothing: that is Check's to do. It is not safe for concurrent use.
type Folder struct {
	spec       *blockSpec
	signatures map[string]string // of functions, by name
	files      map[string]*outline
}

// A Place is a part of a file.
type Place struct {
	File string
	Stretch
}

// A Symbol is a block, or a local, with what is inside it.
type Symbol struct {
	Kind string // of the block: "job"; or "local"
	Name string // its label
	// Whole is all of it, Head the part that names it.
	Whole, Head Stretch
	Inside      []Symbol
}

// NewFolder makes a folder without files.
func NewFolder() *Folder {
	return &Folder{spec: language(), signatures: signatures(), files: map[string]*outline{}}
}

// Set adds a file, or takes over its new text.
func (f *Folder) Set(file File) { f.files[file.Name] = newOutline(file, f.spec) }

// Remove forgets a file.
func (f *Folder) Remove(name string) { delete(f.files, name) }

// Symbols answers what a file declares.
func (f *Folder) Symbols(name string) []Symbol {
	o := f.files[name]
	if o == nil {
		return nil
	}
	return symbolsIn(o.body)
}

func symbolsIn(body *outlineBody) []Symbol {
	var list []Symbol
	if body.block != nil && body.block.kind == "locals" {
		for _, a := range body.args {
			list = append(list, Symbol{Kind: "local", Name: a.name, Whole: Stretch{a.nameAt.Start, max(a.value.End, a.nameAt.End)}, Head: a.nameAt})
		}
	}
	for _, b := range body.blocks {
		list = append(list, Symbol{
			Kind: b.kind, Name: b.label(), Whole: Stretch{b.kindAt.Start, b.end}, Head: b.at(), Inside: symbolsIn(b.body),
		})
	}
	return list
}

// blocks answers the blocks of a kind that stand at the top of any file, with their files, in order.
func (f *Folder) blocks(kind string) []outlined {
	var list []outlined
	for _, o := range f.sorted() {
		for _, b := range o.body.all(kind) {
			list = append(list, outlined{o, b})
		}
	}
	return list
}

// An outlined is a block with its file.
type outlined struct {
	*outline
	block *outlineBlock
}

func (f *Folder) sorted() []*outline {
	list := make([]*outline, 0, len(f.files))
	for _, o := range f.files {
		list = append(list, o)
	}
	sort.Slice(list, func(i, j int) bool { return list[i].src.name < list[j].src.name })
	return list
}

// specOf answers what a body may hold, or nil if no schema knows its block.
func (f *Folder) specOf(body *outlineBody) *blockSpec {
	var chain []*outlineBlock
	for b := body.block; b != nil; b = b.parent.block {
		chain = append(chain, b)
	}
	spec := f.spec
	for _, b := range slices.Backward(chain) {
		if spec = spec.block(b.kind, b.label()); spec == nil {
			return nil
		}
	}
	return spec
}

// Offset answers the byte that a position of a problem means; the end of the text if it is past it.
func Offset(data []byte, at plan.Position) int {
	offset := 0
	for line := 1; line < at.Line; line++ {
		for offset < len(data) && data[offset] != '\n' {
			offset++
		}
		if offset = offset + 1; offset > len(data) {
			return len(data)
		}
	}
	for column := 1; column < at.Column && offset < len(data); column++ {
		size, _, err := textseg.ScanGraphemeClusters(data[offset:], true)
		if err != nil || size == 0 {
			break
		}
		offset += size
	}
	return offset
}
