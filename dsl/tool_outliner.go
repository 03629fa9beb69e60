package dsl

import "bytes"

// newOutline reads a file in one pass. Where the text is broken it goes on at the most likely place: a quote ends with its
// line, and a block that cannot stand where it is closes the blocks that it cannot stand in.
func newOutline(f File, spec *blockSpec) *outline {
	o := &outliner{
		data:  append(append(make([]byte, 0, len(f.Data)+1), f.Data...), '\n'), // so that every line ends
		out:   &outline{src: newSource(f), body: &outlineBody{end: len(f.Data)}},
		specs: []*blockSpec{spec},
	}
	o.body = o.out.body
	for o.pos < len(f.Data) {
		o.step()
	}
	for o.body.block != nil {
		o.closeBlock(len(f.Data), len(f.Data)+1)
	}
	return o.out
}

type outliner struct {
	data []byte
	pos  int
	out  *outline
	body *outlineBody
	// specs are those of the open blocks, beginning with that of the file; nil for a block that no schema knows.
	specs []*blockSpec
}

func (o *outliner) step() {
	switch c := o.data[o.pos]; {
	case c == '#' || c == '/':
		if !o.comment() {
			o.pos++
		}
	case c == '}':
		o.pos++
		if o.body.block != nil {
			o.closeBlock(o.pos-1, o.pos)
		}
	case c == '"':
		o.value(o.pos) // belongs to nothing
	case isIdent(c):
		o.statement()
	default:
		o.pos++
	}
}

func (o *outliner) closeBlock(end, after int) {
	o.body.end = end
	o.body.block.end = after
	o.body = o.body.block.parent
	o.specs = o.specs[:len(o.specs)-1]
}

// comment skips one, if there is one.
func (o *outliner) comment() bool {
	start, rest := o.pos, o.data[o.pos:]
	switch {
	case rest[0] == '#' || bytes.HasPrefix(rest, []byte("//")):
		o.pos += bytes.IndexByte(rest, '\n')
		o.span(start+1, o.pos, textComment)
	case bytes.HasPrefix(rest, []byte("/*")):
		n := bytes.Index(rest[2:], []byte("*/"))
		if n < 0 {
			n = len(rest) - 4
		}
		o.pos += n + 4
		o.span(start+1, o.pos-1, textComment)
	default:
		return false
	}
	return true
}

func (o *outliner) span(start, end int, kind textKind) {
	end = min(end, len(o.data)-1)
	o.out.texts = append(o.out.texts, textSpan{Stretch{start, max(start, end)}, kind})
}

func (o *outliner) blanks() {
	for c := o.data[o.pos]; c == ' ' || c == '\t'; c = o.data[o.pos] {
		o.pos++
	}
}

func (o *outliner) word() Stretch {
	start := o.pos
	for isIdent(o.data[o.pos]) || isDigit(o.data[o.pos]) || o.data[o.pos] == '-' {
		o.pos++
	}
	return Stretch{start, o.pos}
}

// statement reads an argument, or a block up to its brace.
func (o *outliner) statement() {
	at := o.word()
	name := string(o.data[at.Start:at.End])
	o.blanks()
	if o.data[o.pos] == '=' && o.data[o.pos+1] != '=' {
		o.pos++
		o.argument(name, at)
		return
	}
	var labels []outlineLabel
	for o.data[o.pos] == '"' {
		labels = append(labels, o.label())
		o.blanks()
	}
	if o.data[o.pos] != '{' {
		return
	}
	o.pos++
	o.open(&outlineBlock{kind: name, kindAt: at, labels: labels})
}

func (o *outliner) label() outlineLabel {
	start := o.pos + 1
	n := bytes.IndexAny(o.data[start:], "\"\n")
	o.pos = start + n
	at := Stretch{start, o.pos}
	if o.data[o.pos] == '"' {
		o.pos++
	}
	o.span(at.Start, at.End, textString)
	return outlineLabel{string(o.data[at.Start:at.End]), at}
}

// open begins a block. One that cannot stand here but further out means that a brace is missing in between.
func (o *outliner) open(b *outlineBlock) {
	for i := len(o.specs) - 1; i >= 0; i-- {
		if s := o.specs[i]; s != nil && hasBlock(s, b.kind) {
			for len(o.specs) > i+1 {
				o.closeBlock(b.kindAt.Start, b.kindAt.Start)
			}
			break
		}
	}
	var spec *blockSpec
	if s := o.specs[len(o.specs)-1]; s != nil {
		spec = s.block(b.kind, b.label())
	}
	b.parent, b.end = o.body, len(o.data)
	b.body = &outlineBody{block: b, start: o.pos, end: len(o.data)}
	o.body.blocks = append(o.body.blocks, b)
	o.body, o.specs = b.body, append(o.specs, spec)
}

func (o *outliner) argument(name string, at Stretch) {
	a := &outlineArg{name: name, nameAt: at, equals: o.pos}
	o.body.args = append(o.body.args, a)
	o.blanks()
	start := o.pos
	if name == "script" && o.body.block != nil && o.body.block.kind == "activity" && o.script() {
		a.value = Stretch{start, o.pos}
		return
	}
	o.value(start)
	a.value = Stretch{start, start + len(bytes.TrimRight(o.data[start:o.pos], " \t\r\n"))}
}

// script skips a raw script, if one of the two forms begins here.
func (o *outliner) script() bool {
	if o.data[o.pos] == '"' {
		start := o.pos + 1
		for o.pos++; o.data[o.pos] != '"' && o.data[o.pos] != '\n'; o.pos++ {
			if o.data[o.pos] == '\\' && o.data[o.pos+1] != '\n' {
				o.pos++
			}
		}
		o.span(start, o.pos, textScript)
		if o.data[o.pos] == '"' {
			o.pos++
		}
		return true
	}
	if !bytes.HasPrefix(o.data[o.pos:], []byte("<<")) {
		return false
	}
	marker, after := heredocMarker(o.data[o.pos:])
	if marker == nil {
		return false
	}
	start := o.pos + after
	o.pos = o.heredocEnd(start, marker)
	o.span(start, max(o.pos-1, start), textScript)
	o.pos += bytes.IndexByte(o.data[o.pos:], '\n')
	return true
}

// heredocEnd answers the offset of the line that ends a heredoc; that of the last line if there is none.
func (o *outliner) heredocEnd(from int, marker []byte) int {
	for line := from; line < len(o.data); {
		end := line + bytes.IndexByte(o.data[line:], '\n')
		if bytes.Equal(bytes.TrimSpace(o.data[line:end]), marker) {
			return line
		}
		line = end + 1
	}
	return len(o.data) - 1
}
