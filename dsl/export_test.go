package dsl

import "slices"

// Marks prescans a file and answers where it saw delimiters, for a comparison with hcl's own scanner, together with the
// text that hcl gets to see, in which a script is blanks in quotes. ok is false if it refused the file.
func Marks(data []byte) (marks map[string][]int, blanked []byte, ok bool) {
	marks = map[string][]int{}
	s := newScanner(newSource(File{Name: "x.hcl", Data: data}), &problems{})
	s.marks = func(kind string, at int) { marks[kind] = append(marks[kind], at) }
	ok = s.scan()
	for start, script := range s.scripts {
		marks["quote"] = append(marks["quote"], start)
		marks["unquote"] = append(marks["unquote"], script.expr-1)
	}
	slices.Sort(marks["quote"])
	slices.Sort(marks["unquote"])
	return marks, s.data, ok
}

// Blank is what hcl gets to see of a file, and the scripts in it.
func Blank(data []byte) (blanked []byte, texts []string, ok bool) {
	s := newScanner(newSource(File{Name: "x.hcl", Data: data}), &problems{})
	ok = s.scan()
	for _, script := range s.scripts {
		texts = append(texts, script.text)
	}
	return s.data, texts, ok
}
