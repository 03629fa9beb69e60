package dsl

import (
	"bytes"
	"runtime"
	"slices"
	"sort"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// parsePieces lets hcl parse a file block by block, and puts the blocks together again. The positions stay exact.
//
// hcl keeps all tokens of what it parses in one slice, which for a long file costs more than anything else that it does;
// and after a mistake it skips ahead, so that a second one in another job would be found only once the first is mended.
func parsePieces(s *scanner) (body *hclsyntax.Body, ok bool) {
	texts := make([]text, 0, len(s.pieces)+1)
	for _, p := range s.pieces {
		texts = append(texts, text{append(bytes.Clone(s.data[p.start:p.end]), '\n'), p.start})
		blank(s.data[p.start:p.end])
	}
	files := parseTexts(s.src.name, append(texts, text{s.data, 0}))
	ok = true
	for _, f := range files {
		if f.diags.HasErrors() {
			ok = false
			reportSyntax(s.src, f.file, f.diags, s.ps)
		}
	}
	if !ok {
		return nil, false
	}
	return assemble(s.pieces, files), true
}

// A text is what hcl parses at once, and where it starts in the file.
type text struct {
	data  []byte
	start int
}

type parsedText struct {
	file  *hcl.File
	diags hcl.Diagnostics
}

// parseTexts parses all of them, on all processors: for a large file this is a third of what compiling it takes.
func parseTexts(name string, texts []text) []parsedText {
	files := make([]parsedText, len(texts))
	var next atomic.Int64
	work := func() {
		for i := int(next.Add(1)) - 1; i < len(texts); i = int(next.Add(1)) - 1 {
			t := texts[i]
			files[i].file, files[i].diags = hclsyntax.ParseConfig(t.data, name, hcl.Pos{Byte: t.start, Line: 1, Column: 1})
		}
	}
	const worthwhile = 20 // texts for each processor
	var helpers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(texts)/worthwhile) - 1 {
		helpers.Go(work)
	}
	work()
	helpers.Wait()
	return files
}

// assemble puts the pieces into the blocks that they were cut out of. The last file is what was left without them.
func assemble(pieces []piece, files []parsedText) *hclsyntax.Body {
	body := files[len(files)-1].file.Body.(*hclsyntax.Body)
	around := map[int]*hclsyntax.Body{-1: body} // by the offset of the brace
	for _, b := range body.Blocks {
		around[b.OpenBraceRange.Start.Byte] = b.Body
	}
	for i, p := range slices.Backward(pieces) { // outer ones come after those inside
		b := files[i].file.Body.(*hclsyntax.Body).Blocks[0]
		if p.parent < 0 {
			around[b.OpenBraceRange.Start.Byte] = b.Body
		}
		around[p.parent].Blocks = append(around[p.parent].Blocks, b)
	}
	for _, b := range around {
		sort.SliceStable(b.Blocks, func(i, j int) bool { return b.Blocks[i].TypeRange.Start.Byte < b.Blocks[j].TypeRange.Start.Byte })
	}
	return body
}

func blank(text []byte) {
	for i := range text {
		text[i] = ' '
	}
}
