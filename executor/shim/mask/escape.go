package mask

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	upperHex = "0123456789ABCDEF"
	lowerHex = "0123456789abcdef"
)

// A jsonWay is a way to escape a text for JSON; programs differ in what they escape beyond what they must.
type jsonWay uint

const (
	jsonHTML  jsonWay = 1 << iota // <, > and & as \u003c and so on, as Go and Rails do
	jsonASCII                     // all beyond ASCII, as Python does
	jsonSlash                     // / as \/, as PHP does
	jsonUpper                     // \u00E9 instead of \u00e9
	jsonLong                      // \u0008 instead of \b
	allJSON
)

// jsonWays answers which ways make a difference to a text.
func jsonWays(text string) (ways jsonWay) {
	for _, r := range text {
		switch {
		case strings.ContainsRune("<>&", r):
			ways |= jsonHTML
		case r == '/':
			ways |= jsonSlash
		case r == '\b', r == '\f':
			ways |= jsonLong
		case r > '~':
			ways |= jsonASCII
		}
	}
	if ways&^jsonSlash != 0 || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' }) {
		ways |= jsonUpper
	}
	return ways
}

// jsonEscape escapes a text for JSON, without the quotes around it. A text that is no UTF-8 has no JSON form.
func jsonEscape(text string, how jsonWay) string {
	if !utf8.ValidString(text) {
		return text
	}
	digits := lowerHex
	if how&jsonUpper != 0 {
		digits = upperHex
	}
	var b strings.Builder
	for _, r := range text {
		switch short := shortEscape(r, how); {
		case short != "":
			b.WriteString(short)
		case r < ' ', how&jsonHTML != 0 && strings.ContainsRune("<>&", r), how&jsonASCII == 0 && (r == '\u2028' || r == '\u2029'):
			writeUnicode(&b, r, digits)
		case how&jsonASCII != 0 && r > '~':
			writeUnicode(&b, r, digits)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func shortEscape(r rune, how jsonWay) string {
	switch r {
	case '"':
		return `\"`
	case '\\':
		return `\\`
	case '\n':
		return `\n`
	case '\r':
		return `\r`
	case '\t':
		return `\t`
	}
	switch {
	case r == '/' && how&jsonSlash != 0:
		return `\/`
	case r == '\b' && how&jsonLong == 0:
		return `\b`
	case r == '\f' && how&jsonLong == 0:
		return `\f`
	}
	return ""
}

func writeUnicode(b *strings.Builder, r rune, digits string) {
	units := []uint16{uint16(r)}
	if r > 0xffff {
		units = utf16.Encode([]rune{r})
	}
	for _, u := range units {
		b.WriteString(`\u`)
		for shift := 12; shift >= 0; shift -= 4 {
			b.WriteByte(digits[u>>shift&15])
		}
	}
}

// urlSafe are the characters beside letters and digits that programs leave as they are in a URL: those of RFC 3986; the same
// with the slash (Python); a part of a path (Go); encodeURIComponent and encodeURI of JavaScript; the form of HTML.
func urlSafe() []string {
	return []string{"-_.~", "-_.~/", "-_.~$&+=:@", "-_.~!*'()", "-_.~!*'();/?:@&=+$,#", "-_.*"}
}

func urlEscape(text, safe, digits string) string {
	var b strings.Builder
	for i := range len(text) {
		c := text[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte(safe, c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(digits[c>>4])
		b.WriteByte(digits[c&15])
	}
	return b.String()
}
