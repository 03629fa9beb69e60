package dsl

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

var byteOrderMark = []byte("\xEF\xBB\xBF")

// checkCharacters refuses, wherever it stands, what is no text or makes text look other than it is.
func (s *scanner) checkCharacters() bool {
	data := s.src.data
	if looksUTF16(data) {
		s.fail(codeCharacter, 0, 2, "Not UTF-8", "This file is written in UTF-16. Save it as UTF-8.")
		return false
	}
	for i := 0; i < len(data); {
		if b := data[i]; b < utf8.RuneSelf && b != 0 && b != '\r' {
			i++
			continue
		}
		r, size := utf8.DecodeRune(data[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			s.fail(codeCharacter, i, i+1, "Not UTF-8", "This byte (0x%02x) does not belong to a UTF-8 character. Save the file as UTF-8.", data[i])
		case r == 0:
			s.fail(codeCharacter, i, i+1, "NUL character", "There is a NUL character (0x00) here, which no program takes. Remove it.")
		case r == '\r' && (i+1 == len(data) || data[i+1] != '\n'):
			s.fail(codeCharacter, i, i+1, "Lone carriage return", "There is a carriage return without a line feed here. End lines with LF or CRLF.")
		case isBidi(r):
			s.invisible(i, r)
		}
		if s.failed {
			return false
		}
		i += size
	}
	return true
}

// looksUTF16 goes by the mark at the start, or by the zero half of a first character that is ASCII.
func looksUTF16(data []byte) bool {
	return bytes.HasPrefix(data, []byte("\xFF\xFE")) || bytes.HasPrefix(data, []byte("\xFE\xFF")) ||
		len(data) > 1 && (data[0] == 0) != (data[1] == 0)
}

func (s *scanner) invisible(at int, r rune) {
	s.fail(codeCharacter, at, at+utf8.RuneLen(r), "Invisible character",
		"The character U+%04X here is invisible and makes text look other than it is. Remove it.", r)
}

// plainRune moves over one character of a quoted text or heredoc.
func (s *scanner) plainRune() {
	if s.data[s.pos] < utf8.RuneSelf {
		s.pos++
		return
	}
	r, size := utf8.DecodeRune(s.data[s.pos:])
	if isHidden(r) {
		s.invisible(s.pos, r)
		return
	}
	s.pos += size
}

// checkScript warns of what nobody sees in a script, since a shell takes it for part of a word. It is no error: a script may
// well have to hold such text.
func (s *scanner) checkScript(start, end int) {
	for i := start; i < end; {
		if s.data[i] < utf8.RuneSelf {
			i++
			continue
		}
		r, size := utf8.DecodeRune(s.data[i:])
		if isHidden(r) || isOddBlank(r) {
			s.ps.warn(codeCharacter, place{s.src, i, i + size}, "Invisible character",
				"The character U+%04X in this script is invisible, or looks like a blank and is none: a shell takes it for part of a word.", r)
			return // one is enough to make people look
		}
		i += size
	}
}

// stray refuses a character that means nothing in code. What it names is what people mostly meant by it.
func (s *scanner) stray() {
	r, size := utf8.DecodeRune(s.data[s.pos:])
	at, end := s.pos, s.pos+size
	switch r {
	case '“', '”', '„', '‟', '«', '»', '″', '＂':
		s.fail(codeCharacter, at, end, "Typographic quote", "%c is no quote here. Write \" instead; word processors and chats replace it.", r)
	case '‘', '’', '‚', '‛', '\'', '`', '′':
		s.fail(codeCharacter, at, end, "Wrong quote", "Text stands in double quotes: \"text\", not %ctext%c. Text of several lines is a heredoc: <<EOT.", r, r)
	case ';':
		s.fail(codeCharacter, at, end, "Stray character", "There is no \";\" here: each argument and each block ends with its line.")
	case '$':
		s.fail(codeCharacter, at, end, "Stray character", "There is no \"$\" here: variables of a shell exist only in scripts. "+
			"Values are written by name, as in event.branch, and inside of text as in \"${event.branch}\".")
	case '&', '|':
		s.fail(codeCharacter, at, end, "Stray character", "There is no \"%c\" here. Did you mean \"%c%c\"?", r, r, r)
	case '–', '—', '−', '‐', '‑':
		s.fail(codeCharacter, at, end, "Typographic dash", "%c is no minus. Write - instead; word processors and chats replace it.", r)
	default:
		s.strayOther(at, end, r)
	}
}

func (s *scanner) strayOther(at, end int, r rune) {
	switch {
	case isOddBlank(r):
		s.fail(codeCharacter, at, end, "Odd blank", "The character U+%04X here looks like a blank and is none. Write a plain one.", r)
	case isHidden(r) || unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Mn):
		s.fail(codeCharacter, at, end, "Invisible character", "The character U+%04X here is invisible. Remove it.", r)
	default:
		s.fail(codeCharacter, at, end, "Stray character", "The character %c means nothing here. Text stands in double quotes.", r)
	}
}

// isBidi says whether r can make a line look other than it is (CVE-2021-42574, "Trojan Source").
func isBidi(r rune) bool {
	return r >= 0x202A && r <= 0x202E || r >= 0x2066 && r <= 0x2069
}

// isHidden says whether r takes no room on a screen, so that two texts look alike that are not. What joins the letters of
// some scripts and the parts of some emoji does not count: there it is seen.
func isHidden(r rune) bool {
	switch r {
	case 0x00AD, 0x034F, 0x061C, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180E, 0x200B, 0x200E, 0x200F, 0x2028, 0x2029, 0x3164, 0xFEFF, 0xFFA0:
		return true
	}
	return r >= 0x2060 && r <= 0x206F || r >= 0xFFF9 && r <= 0xFFFB || r >= 0xE0000 && r <= 0xE007F
}

// isOddBlank says whether r is a blank for people, and a letter for programs.
func isOddBlank(r rune) bool {
	return r > unicode.MaxASCII && unicode.Is(unicode.Zs, r)
}
