package logs

import "bytes"

// plain appends text to dst without its SGR sequences: ESC [ digits, ";" and ":" up to an "m". Line breaks all stay, so
// lines are counted alike in both.
func plain(dst, text []byte) []byte {
	for {
		i := bytes.IndexByte(text, 0x1b)
		if i < 0 {
			return append(dst, text...)
		}
		dst = append(dst, text[:i]...)
		n := sgr(text[i:])
		if n == 0 {
			dst, n = append(dst, 0x1b), 1
		}
		text = text[i+n:]
	}
}

// sgr answers the length of the SGR sequence that text begins with, or 0.
func sgr(text []byte) int {
	if len(text) < 3 || text[1] != '[' {
		return 0
	}
	for i := 2; i < len(text); i++ {
		switch c := text[i]; {
		case c == 'm':
			return i + 1
		case c != ';' && c != ':' && (c < '0' || c > '9'):
			return 0
		}
	}
	return 0
}
