package dsl

import "sort"

// An outline is what an editor needs to know of a file while it is being written: its blocks and arguments, also where
// the text is broken. The parser's view of a file ends at the first mistake, and text that is being typed always has one.
type outline struct {
	src  *source
	body *outlineBody
	// texts are the parts that are no code, in order: comments, and what stands in quotes or heredocs.
	texts []textSpan
}

// An outlineBody is what stands between the braces of a block, or a whole file.
type outlineBody struct {
	block  *outlineBlock // nil for the file
	start  int           // after the opening brace
	end    int           // before the closing one
	args   []*outlineArg
	blocks []*outlineBlock
}

// An outlineBlock is a block with its labels.
type outlineBlock struct {
	kind   string
	kindAt Stretch
	labels []outlineLabel
	parent *outlineBody
	body   *outlineBody
	end    int // after the closing brace
}

type outlineLabel struct {
	text string
	at   Stretch // without quotes
}

// An outlineArg is an argument. Its value is the text after "=", without blanks around it.
type outlineArg struct {
	name   string
	nameAt Stretch
	equals int // offset after "="
	value  Stretch
}

// A textSpan is a part of a file that is no code.
type textSpan struct {
	Stretch
	kind textKind
}

type textKind int

const (
	textCode textKind = iota
	textComment
	textString // in quotes, or in a heredoc
	textScript
)

// label answers the first label, or nothing.
func (b *outlineBlock) label() string {
	if b == nil || len(b.labels) == 0 {
		return ""
	}
	return b.labels[0].text
}

// at is the place that stands for a block: its label, or else its type.
func (b *outlineBlock) at() Stretch {
	if len(b.labels) > 0 {
		return b.labels[0].at
	}
	return b.kindAt
}

// all answers the blocks of a kind.
func (b *outlineBody) all(kind string) []*outlineBlock {
	var list []*outlineBlock
	for _, block := range b.blocks {
		if block.kind == kind {
			list = append(list, block)
		}
	}
	return list
}

// named answers the block of a kind and label, or nil.
func (b *outlineBody) named(kind, label string) *outlineBlock {
	for _, block := range b.blocks {
		if block.kind == kind && (label == "" || block.label() == label) {
			return block
		}
	}
	return nil
}

func (b *outlineBody) arg(name string) *outlineArg {
	for _, a := range b.args {
		if a.name == name {
			return a
		}
	}
	return nil
}

// innermost answers the body that an offset is in.
func (o *outline) innermost(offset int) *outlineBody {
	body := o.body
	for {
		i := sort.Search(len(body.blocks), func(i int) bool { return body.blocks[i].end > offset })
		if i == len(body.blocks) || body.blocks[i].body.start > offset {
			return body
		}
		body = body.blocks[i].body
		if offset > body.end {
			return body.block.parent
		}
	}
}

// kindAt says what the text at an offset is, for somebody who is about to type there.
func (o *outline) kindAt(offset int) textSpan {
	i := sort.Search(len(o.texts), func(i int) bool { return o.texts[i].End >= offset })
	if i < len(o.texts) && o.texts[i].Start <= offset {
		return o.texts[i]
	}
	return textSpan{Stretch: Stretch{offset, offset}, kind: textCode}
}

// text is what a stretch holds.
func (o *outline) text(s Stretch) string { return string(o.src.data[s.Start:s.End]) }
