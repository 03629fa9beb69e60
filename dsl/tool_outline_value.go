package dsl

import (
	"bytes"
	"regexp"
)

// An opened is a bracket, quote or template that is open in a value.
type opened struct {
	kind  byte // one of ( [ { " $ and < for a heredoc
	start int  // of the text, of " and <
	end   int  // of a heredoc: where its last line begins
}

// blockHead is how a block begins. Inside brackets it means that these were never closed.
var blockHead = regexp.MustCompile(`^[ \t]*[a-z_]+([ \t]+"[^"\n]*")*[ \t]*\{`)

// value skips an expression: to the end of its line, brackets and heredocs considered, or to a brace that closes the block.
func (o *outliner) value(from int) {
	o.pos = from
	var stack []opened
	for o.pos < len(o.data) {
		top := byte(0)
		if len(stack) > 0 {
			top = stack[len(stack)-1].kind
		}
		switch {
		case top == '"' || top == '<':
			stack = o.insideText(stack)
		case o.data[o.pos] == '\n':
			stack = o.unclosed(stack)
			if len(stack) == 0 || blockHead.Match(o.data[o.pos+1:]) {
				return
			}
			o.pos++
		case o.data[o.pos] == '}' && len(stack) == 0:
			return
		default:
			stack = o.insideCode(stack)
		}
	}
}

// unclosed drops what a line break shows to be left open: texts in quotes, which end with their line, and what is past the
// end of its heredoc.
func (o *outliner) unclosed(stack []opened) []opened {
	for i, f := range stack {
		switch {
		case f.kind == '"':
			return stack[:i]
		case f.kind == '<' && f.end <= o.pos:
			return stack[:i+1]
		}
	}
	return stack
}

func (o *outliner) insideCode(stack []opened) []opened {
	switch c := o.data[o.pos]; {
	case c == '#' || c == '/':
		if o.comment() {
			return stack
		}
	case c == '"':
		stack = append(stack, opened{kind: '"', start: o.pos + 1})
	case c == '(' || c == '[' || c == '{':
		stack = append(stack, opened{kind: c})
	case c == ')' || c == ']':
		if n := len(stack); n > 0 && (stack[n-1].kind == '(') == (c == ')') && stack[n-1].kind != '{' && stack[n-1].kind != '$' {
			stack = stack[:n-1]
		}
	case c == '}':
		return o.closeCurly(stack)
	case bytes.HasPrefix(o.data[o.pos:], []byte("<<")):
		if marker, after := heredocMarker(o.data[o.pos:]); marker != nil {
			o.pos += after
			return append(stack, opened{kind: '<', start: o.pos, end: o.heredocEnd(o.pos, marker)})
		}
	}
	o.pos++
	return stack
}

// closeCurly closes the innermost brace, and what was left open inside it.
func (o *outliner) closeCurly(stack []opened) []opened {
	o.pos++
	for n := len(stack) - 1; n >= 0; n-- {
		switch stack[n].kind {
		case '{':
			return stack[:n]
		case '$':
			stack[n-1].start = o.pos // the text goes on
			return stack[:n]
		}
	}
	return stack[:0]
}

// insideText skips text in quotes or in a heredoc, to its end or to a template in it.
func (o *outliner) insideText(stack []opened) []opened {
	f := stack[len(stack)-1]
	for {
		c, next := o.data[o.pos], byte(0)
		if o.pos+1 < len(o.data) {
			next = o.data[o.pos+1]
		}
		switch {
		case f.kind == '<' && o.pos >= f.end:
			o.span(f.start, max(f.start, f.end-1), textString)
			o.pos += bytes.IndexByte(o.data[o.pos:], '\n')
			return stack[:len(stack)-1]
		case f.kind == '"' && (c == '"' || c == '\n'):
			o.span(f.start, o.pos, textString)
			if c == '"' {
				o.pos++
			}
			return stack[:len(stack)-1]
		case f.kind == '"' && c == '\\' && next != '\n':
			o.pos += 2
		case (c == '$' || c == '%') && next == c && bytes.HasPrefix(o.data[o.pos+2:], []byte("{")):
			o.pos += 3
		case (c == '$' || c == '%') && next == '{':
			o.span(f.start, o.pos, textString)
			o.pos += 2
			return append(stack, opened{kind: '$'})
		default:
			o.pos++
		}
	}
}
