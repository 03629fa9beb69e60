package mask

import (
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
)

const (
	// MinSecret is the length in bytes of the shortest secret that is masked: a shorter one would be found in ordinary
	// text.
	MinSecret = 6
	// minLine is the length of the shortest line of a secret of several lines that is masked for itself.
	minLine = 8
	// Of longer secrets fewer forms are looked for, because each form takes some twenty times its length of memory, in the
	// container of an activity.
	maxTwice = 256
	maxFull  = 4 << 10
)

// forms answers all texts that give a secret away, each of them once, none shorter than MinSecret.
func forms(secret string) []string {
	if len(secret) < MinSecret {
		return nil
	}
	f := &collector{seen: make(map[string]bool)}
	whole := strings.TrimSpace(secret)
	if len(whole) < MinSecret {
		whole = secret // mostly blanks, which are then a part of it
	}
	f.add(whole)
	f.lines(whole)
	f.escaped(whole)
	f.urls(whole)
	// Whoever encodes a secret may encode the line break behind it as well.
	for _, source := range slices.Compact([]string{whole, whole + "\n", secret}) {
		if len(source) <= maxTwice {
			f.base64Twice(source)
		}
		f.base64s(source)
		f.hexes(source)
		if len(source) > maxFull {
			break
		}
	}
	return f.found
}

// A collector gathers forms.
type collector struct {
	seen  map[string]bool
	found []string
}

func (f *collector) add(forms ...string) {
	for _, form := range forms {
		if len(form) >= MinSecret && !f.seen[form] {
			f.seen[form] = true
			f.found = append(f.found, form)
		}
	}
}

// lines adds the lines of a secret that has several, such as a key: programs print them one by one, with something
// before each, or joined by blanks.
func (f *collector) lines(secret string) {
	if !strings.Contains(secret, "\n") {
		return
	}
	unix := strings.ReplaceAll(secret, "\r\n", "\n")
	f.add(unix, strings.ReplaceAll(unix, "\n", "\r\n"))
	for line := range strings.SplitSeq(unix, "\n") {
		line = strings.TrimSpace(line)
		if len(line) >= minLine && !ordinary(line) {
			f.add(line)
			f.escaped(line)
		}
	}
}

// escaped adds what a secret becomes in a text in which some of its characters have a meaning.
func (f *collector) escaped(secret string) {
	ways := jsonWays(secret)
	if len(secret) > maxFull {
		f.add(jsonEscape(secret, 0), jsonEscape(secret, jsonHTML&ways), jsonEscape(secret, jsonASCII&ways))
		return
	}
	for how := range allJSON {
		if how&^ways == 0 { // what makes no difference is left out
			f.add(jsonEscape(secret, how))
		}
	}
	if strings.ContainsAny(secret, `<>&"'`) {
		for _, double := range []string{"&quot;", "&#34;", "&#x22;"} {
			for _, single := range []string{"&#39;", "&#x27;", "&apos;"} {
				f.add(strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, double, "'", single).Replace(secret))
			}
		}
	}
	f.add(strings.ReplaceAll(secret, "'", `'\''`), strings.ReplaceAll(secret, "'", `'"'"'`))
}

func (f *collector) urls(secret string) {
	if len(secret) > maxFull {
		return
	}
	for _, safe := range urlSafe() {
		for _, digits := range []string{upperHex, lowerHex} {
			escaped := urlEscape(secret, safe, digits)
			f.add(escaped, strings.ReplaceAll(escaped, "%20", "+"))
		}
	}
}

// base64s adds the base64 forms of a secret, as a whole and as programs break them into lines.
func (f *collector) base64s(secret string) {
	for _, alphabet := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
		if len(secret) > maxFull && alphabet == base64.URLEncoding {
			return
		}
		f.aligned(secret, alphabet)
		f.broken(alphabet.EncodeToString([]byte(secret)), 76, 64)
	}
}

// base64Twice adds what becomes of the base64 form of a secret in base64.
func (f *collector) base64Twice(secret string) {
	for _, alphabet := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
		once := alphabet.EncodeToString([]byte(secret))
		f.aligned(once[:8*len(secret)/6], base64.StdEncoding) // whatever comes behind the secret
		f.aligned(once+"\n", base64.StdEncoding)
	}
}

// aligned adds what encodes a secret wherever it begins in the text that is encoded: at the first, second or third byte of
// a group of three. What depends on the bytes beside it is left out, unless it is the end of the text.
func (f *collector) aligned(secret string, alphabet *base64.Encoding) {
	for before := range 3 {
		data := append(make([]byte, before), secret...)
		encoded := alphabet.EncodeToString(data)
		first := (8*before + 5) / 6
		f.add(encoded[first:8*len(data)/6], encoded[first:], strings.TrimRight(encoded[first:], "="))
	}
}

// broken adds the lines into which programs break an encoded text.
func (f *collector) broken(encoded string, widths ...int) {
	for _, width := range widths {
		if len(encoded) <= width {
			continue
		}
		for line := range slices.Chunk([]byte(encoded), width) {
			if len(line) >= minLine && distinct(string(line)) >= minDistinct {
				f.add(string(line))
			}
		}
	}
}

func (f *collector) hexes(secret string) {
	lower := hex.EncodeToString([]byte(secret))
	for _, form := range []string{lower, strings.ToUpper(lower)} {
		f.add(form)
		f.broken(form, 60) // as xxd does
	}
}
