package dsl

import "strings"

// A CodePage is what there is to say about a code.
type CodePage struct {
	Code, Title string
	Markdown    string // the page without its heading
	Anchor      string // of its heading in CODES.md, as GitHub makes them
}

// CodePages answers the pages of all codes, in order.
func CodePages() []CodePage {
	var pages []CodePage
	for _, section := range strings.Split(codes, "\n## ")[1:] {
		heading, body, _ := strings.Cut(section, "\n")
		code, title, _ := strings.Cut(heading, " ")
		pages = append(pages, CodePage{code, title, strings.TrimSpace(body), anchor(heading)})
	}
	return pages
}

// anchor is the name that GitHub gives to a heading.
func anchor(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || 'a' <= r && r <= 'z' || '0' <= r && r <= '9':
			return r
		}
		return -1
	}, strings.ToLower(heading))
}

// NearestCode answers the code that somebody probably meant; empty if none is close.
func NearestCode(written string) string {
	var names []string
	for _, p := range CodePages() {
		names = append(names, p.Code)
	}
	return closest(strings.ToUpper(written), names)
}
