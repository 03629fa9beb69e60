package dsl

import (
	"regexp"
	"slices"
	"strings"
)

// A cursor is a place in a file with all that decides what may stand there.
type cursor struct {
	*outline
	offset int
	body   *outlineBody
	spec   *blockSpec   // of body; nil if it is unknown
	arg    *outlineArg  // whose value this is in, if it is in one
	text   textSpan     // what kind of text it is in
	word   Stretch      // that it touches; empty if it touches none
	path   []string     // what stands before the word: "job", "build" in job.build.outp
	within outlineChain // the blocks around it
}

// An outlineChain names the blocks around a place by what they are; nil where there is none.
type outlineChain struct {
	pipeline, job, activity, definition, locals *outlineBlock
}

func (f *Folder) cursor(name string, offset int) (cursor, bool) {
	o := f.files[name]
	if o == nil || offset < 0 || offset > len(o.src.data) {
		return cursor{}, false
	}
	c := cursor{outline: o, offset: offset, body: o.innermost(offset), text: o.kindAt(offset)}
	c.spec = f.specOf(c.body)
	for _, a := range c.body.args {
		if a.equals <= offset && offset <= o.endOfValue(a) {
			c.arg = a
		}
	}
	c.word, c.path = o.wordAt(offset)
	for b := c.body.block; b != nil; b = b.parent.block {
		c.within.add(b)
	}
	return c, true
}

func (c *outlineChain) add(b *outlineBlock) {
	switch {
	case b.kind == "pipeline":
		c.pipeline = b
	case b.kind == "job":
		c.job = b
	case b.kind == "locals":
		c.locals = b
	case b.kind == "activity" && b.parent.block == nil:
		c.definition = b
	case b.kind == "activity":
		c.activity = b
	}
}

// endOfValue is the last offset at which typing goes on with an argument's value.
func (o *outline) endOfValue(a *outlineArg) int {
	end := max(a.value.End, a.equals)
	for end < len(o.src.data) && (o.src.data[end] == ' ' || o.src.data[end] == '\t') {
		end++
	}
	return end
}

func isName(c byte) bool { return isIdent(c) || isDigit(c) || c == '-' }

// wordAt answers the word that an offset touches, and the names before it that are joined to it by dots. An index is "[]".
func (o *outline) wordAt(offset int) (Stretch, []string) {
	data := o.src.data
	word := Stretch{offset, offset}
	for word.Start > 0 && isName(data[word.Start-1]) {
		word.Start--
	}
	for word.End < len(data) && isName(data[word.End]) {
		word.End++
	}
	var path []string
	at := word.Start
	for at > 0 && data[at-1] == '.' {
		at--
		for at > 0 && data[at-1] == ']' {
			open := strings.LastIndexByte(string(data[:at]), '[')
			if open < 0 {
				return word, nil
			}
			path, at = append(path, "[]"), open
		}
		end := at
		for at > 0 && isName(data[at-1]) {
			at--
		}
		if at == end {
			return word, nil
		}
		path = append(path, string(data[at:end]))
	}
	slices.Reverse(path)
	return word, path
}

var forVariable = regexp.MustCompile(`\bfor\s+(?:\w+\s*,\s*)?(\w+)\s+in\s+([\w.-]+)`)

// meant replaces the variable of a for expression by what it stands for: r.outputs is job.test.each[].outputs.
func (c cursor) meant(path []string) []string {
	if c.arg == nil || len(path) == 0 {
		return path
	}
	for _, m := range forVariable.FindAllStringSubmatch(c.outline.text(c.arg.value), -1) {
		if m[1] == path[0] {
			return append(append(strings.Split(m[2], "."), "[]"), path[1:]...)
		}
	}
	return path
}

// A key is a name at the first level of an object that is written out.
type key struct {
	name string
	at   Stretch
}

// keys answers the keys of an object that is written out as a value.
func (o *outline) keys(value Stretch) []key {
	var list []key
	data, depth := o.src.data, 0
	for at := value.Start; at < value.End; {
		if t := o.kindAt(at); t.kind != textCode && at < t.End {
			at = t.End
			continue
		}
		switch c := data[at]; {
		case c == '{' || c == '[' || c == '(':
			depth++
		case c == '}' || c == ']' || c == ')':
			depth--
		case isIdent(c):
			word, _ := o.wordAt(at)
			rest := strings.TrimLeft(strings.TrimPrefix(string(data[word.End:value.End]), `"`), " \t")
			if depth == 1 && (strings.HasPrefix(rest, "=") && !strings.HasPrefix(rest, "==") || strings.HasPrefix(rest, ":")) {
				list = append(list, key{o.text(word), word})
			}
			at = word.End
			continue
		}
		at++
	}
	return list
}

// openKeys answers the keys of the object that a cursor is in, if it is at the object's first level and where a key may stand.
func (c cursor) atKey() bool {
	if c.arg == nil || len(c.path) > 0 {
		return false
	}
	depth := 0
	for at := c.arg.value.Start; at < c.word.Start; {
		if t := c.kindAt(at); t.kind != textCode && at < t.End {
			at = t.End
			continue
		}
		switch c.src.data[at] {
		case '{', '[', '(':
			depth++
		case '}', ']', ')':
			depth--
		}
		at++
	}
	before := strings.TrimRight(string(c.src.data[c.arg.value.Start:max(c.word.Start, c.arg.value.Start)]), " \t")
	return depth == 1 && (strings.HasSuffix(before, "{") || strings.HasSuffix(before, ",") || strings.HasSuffix(before, "\n"))
}
