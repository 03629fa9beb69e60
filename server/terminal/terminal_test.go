package terminal_test

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/tutti-ci/tutti/server/terminal"
)

func TestLine(t *testing.T) {
	type span = terminal.Span
	tests := map[string]struct {
		raw   string
		text  string
		spans []span
	}{
		"plain":                 {"ok\tacme/api", "ok\tacme/api", nil},
		"empty":                 {"", "", nil},
		"colour":                {"a \x1b[31mred\x1b[0m b", "a red b", []span{{2, ""}, {3, "f1"}, {2, ""}}},
		"bold bright":           {"\x1b[1;92mok\x1b[m", "ok", []span{{2, "b f10"}}},
		"256":                   {"\x1b[38;5;208mx", "x", []span{{1, "f208"}}},
		"true colour":           {"\x1b[38;2;255;135;0mx", "x", []span{{1, "f208"}}},
		"true colour, colons":   {"\x1b[38:2:255:135:0mx", "x", []span{{1, "f208"}}},
		"background":            {"\x1b[37;41mx", "x", []span{{1, "g1 r7"}}},
		"inverse":               {"\x1b[7mx\x1b[27my", "xy", []span{{1, "v"}, {1, ""}}},
		"inverse of a colour":   {"\x1b[31;7mx", "x", []span{{1, "g1"}}},
		"bold off":              {"\x1b[1;2mx\x1b[22my", "xy", []span{{1, "b d"}, {1, ""}}},
		"style without text":    {"a\x1b[31m\x1b[0m", "a", nil},
		"cursor movement":       {"\x1b[2K\x1b[1Ga", "a", nil},
		"link":                  {"\x1b]8;;javascript:alert(1)\x1b\\text\x1b]8;;\x1b\\", "text", nil},
		"title":                 {"\x1b]0;title\atext", "text", nil},
		"unfinished escape":     {"a\x1b[31", "a", nil},
		"lone escape":           {"a\x1b", "a", nil},
		"broken escape":         {"a\x1b[3\x01b", "a\u2401b", nil},
		"windows line":          {"a\r", "a", nil},
		"progress":              {"10%\r20%\r30%", "30%", nil},
		"progress, not over":    {"10%\r20%\r", "20%", nil},
		"control characters":    {"a\x00\x07\x7f", "a\u2400\u2407\u2421", nil},
		"invalid UTF-8":         {"a\xff\xfeb", "a\ufffd\ufffdb", nil},
		"C1 control characters": {"a\u009bb", "a\ufffdb", nil},
		"emoji counts two":      {"\x1b[32m😀\x1b[0m!", "😀!", []span{{2, "f2"}, {1, ""}}},
		"markup stays text":     {"<script>alert(1)</script>", "<script>alert(1)</script>", nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			text, spans := terminal.Line([]byte(tt.raw))
			if text != tt.text {
				t.Errorf("Line(%q) = %q, want %q", tt.raw, text, tt.text)
			}
			if diff := cmp.Diff(tt.spans, spans); diff != "" {
				t.Errorf("Line(%q): spans differ (-want +got):\n%s", tt.raw, diff)
			}
		})
	}
}

func FuzzLine(f *testing.F) {
	f.Add([]byte("\x1b[38;5;208mx\x1b]8;;http://x\x1b\\😀\xff\r\x1b["))
	f.Fuzz(func(t *testing.T, raw []byte) {
		text, spans := terminal.Line(raw)
		if !utf8.ValidString(text) {
			t.Errorf("Line(%q) = %q is not UTF-8", raw, text)
		}
		if strings.ContainsAny(text, "\x1b\x00\r\x7f") {
			t.Errorf("Line(%q) = %q holds a control character", raw, text)
		}
		sum := 0
		for _, s := range spans {
			sum += s.Length
		}
		if want := len(utf16.Encode([]rune(text))); spans != nil && sum != want {
			t.Errorf("Line(%q): spans cover %d units of %d", raw, sum, want)
		}
	})
}

func TestCSS(t *testing.T) {
	css := terminal.CSS(".log")
	for _, want := range []string{".log .b{", ".log .f1{color:", ".log .f255{color:", ".log .g0{background:#000000;color:#ffffff}", ".log .r255{"} {
		if !strings.Contains(css, want) {
			t.Errorf("the style sheet has no %q", want)
		}
	}
	// A dark colour is made lighter for the dark page, and stays as it is on the light one.
	if m := regexp.MustCompile(`\.f4\{color:light-dark\(#2472c8,#(\w+)\)\}`).FindString(css); m == "" {
		t.Errorf("blue is not as expected in %s", regexp.MustCompile(`\.f4\{.*`).FindString(css))
	}
}
