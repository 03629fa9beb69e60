package logs

import (
	"bytes"
	"encoding/binary"
	"regexp"
	"unicode/utf8"

	"github.com/tutti-ci/tutti/server"
)

// A finder finds a word, or a regular expression, in blocks of text.
type finder struct {
	word []byte         // plain search
	fold bool           // word is lower case, and case does not matter
	re   *regexp.Regexp // for all that is not plain
}

func finderOf(query server.LogQuery) (finder, error) {
	word := []byte(query.Text)
	switch {
	case query.Regexp:
		re, err := compile(query.Text, query.Case)
		if err != nil {
			return finder{}, server.Errorf(server.Invalid, "%q is not a regular expression: %w", query.Text, err)
		}
		return finder{re: re}, nil
	case query.Case:
		return finder{word: word}, nil
	case isASCII(word):
		return finder{word: bytes.ToLower(word), fold: true}, nil
	}
	re, err := compile(regexp.QuoteMeta(query.Text), false)
	return finder{re: re}, err
}

func compile(expr string, matchCase bool) (*regexp.Regexp, error) {
	if matchCase {
		return regexp.Compile(expr)
	}
	return regexp.Compile("(?i:" + expr + ")")
}

// prepare readies a block for any number of calls of find. It may scribble over it.
func (f finder) prepare(block []byte) {
	if f.fold {
		lower(block)
	}
}

// find answers where the first match in text begins, or for a regular expression the line that has it; -1 if none.
func (f finder) find(text []byte) int {
	if f.re == nil {
		return bytes.Index(text, f.word)
	}
	// Line by line, so that no match spans two.
	for base := 0; base < len(text); {
		line := text[base:]
		if i := bytes.IndexByte(line, '\n'); i >= 0 {
			line = line[:i]
		}
		if f.re.Match(line) {
			return base
		}
		base += len(line) + 1
	}
	return -1
}

func isASCII(word []byte) bool {
	for _, b := range word {
		if b >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// lower makes ASCII capitals small, eight bytes at a time.
func lower(text []byte) {
	const ones = 0x0101010101010101
	i := 0
	for ; i+8 <= len(text); i += 8 {
		x := binary.LittleEndian.Uint64(text[i:])
		low7 := x & (0x7f * ones)
		// The top bit of each byte says: at least 'A', more than 'Z', and ASCII at all.
		capital := (low7 + (0x80-'A')*ones) &^ (low7 + (0x7f-'Z')*ones) &^ x & (0x80 * ones)
		binary.LittleEndian.PutUint64(text[i:], x|capital>>2)
	}
	for ; i < len(text); i++ {
		if 'A' <= text[i] && text[i] <= 'Z' {
			text[i] |= 0x20
		}
	}
}
