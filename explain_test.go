package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/tutti-ci/tutti/dsl"
)

func TestExplain(t *testing.T) {
	for _, c := range []struct {
		args string
		code int
		want string
	}{
		{"E204", exitOK, "E204: "},
		{"e204", exitOK, "E204: "},
		{"204", exitOK, "E204: "},
		{"[E204]", exitOK, "E204: "},
		{"E249", exitFailed, "did you mean E2"},
		{"nonsense", exitFailed, "'tutti explain' lists them all"},
		{"E204 E205", exitUsage, "accepts at most 1 arg"},
	} {
		code, out, errs := ask(t, "", append([]string{"explain"}, strings.Fields(c.args)...)...)
		if code != c.code || !strings.Contains(out+errs, c.want) {
			t.Errorf("%s: code %d, %q, %q", c.args, code, out, errs)
		}
	}
	code, out, _ := ask(t, "", "explain")
	if code != exitOK || strings.Count(out, "\n") != len(dsl.CodePages()) || !strings.Contains(out, "\nE204  ") {
		t.Errorf("the list: code %d, %q", code, out)
	}
	code, out, _ = ask(t, "", "explain", "E204", "--json")
	var told struct{ Code, Title, Text string }
	if err := json.Unmarshal([]byte(out), &told); err != nil || code != exitOK || told.Code != "E204" || !strings.Contains(told.Text, "```hcl") {
		t.Errorf("as JSON: code %d, %v, %q", code, err, out)
	}
}

// TestLinksOfCodesLeadSomewhere compares the anchors that editors get with those of the document.
func TestLinksOfCodesLeadSomewhere(t *testing.T) {
	there := anchors(contentOf(t, "dsl/CODES.md"))
	for _, p := range dsl.CodePages() {
		if !there[p.Anchor] || !strings.HasSuffix(linkOf(p.Code), "/dsl/CODES.md#"+p.Anchor) {
			t.Errorf("the link of %s is %s", p.Code, linkOf(p.Code))
		}
	}
	if link := linkOf("E999"); link != "" {
		t.Errorf("a code that does not exist has the link %s", link)
	}
}
