package dsl

import (
	"regexp"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

var alreadySet = regexp.MustCompile(`The argument "([^"]+)" was already set at`)

// reportSyntax says in our words what hcl could not parse, at most one mistake a line: what follows on a line mostly follows
// from the first.
func reportSyntax(src *source, file *hcl.File, diags hcl.Diagnostics, ps *problems) {
	lines := map[int]bool{}
	for _, d := range diags {
		if d.Severity != hcl.DiagError {
			continue
		}
		at := place{src: src}
		if d.Subject != nil {
			at = src.at(*d.Subject)
		}
		line := src.line(min(at.start, len(src.data)))
		if lines[line] {
			continue
		}
		lines[line] = true
		if m := alreadySet.FindStringSubmatch(d.Detail); m != nil {
			reportTwice(src, file, m[1], at, ps)
			continue
		}
		reportForm(d, at, ps)
	}
}

// reportForm reports a mistake that the prescan lets pass: one within an expression.
func reportForm(d *hcl.Diagnostic, at place, ps *problems) {
	c, title, detail := codeSyntax, d.Summary, d.Detail
	for _, f := range forms() {
		if strings.HasPrefix(d.Summary, f.hcl) {
			c, title, detail = f.code, f.title, f.detail
			break
		}
	}
	ps.add(c, at, title, "%s", detail)
}

// A form is how something is written, for whoever wrote it in another way.
type form struct {
	hcl           string // how hcl's summary starts
	code          code
	title, detail string
}

const operators = "There are + - * / % for numbers, == != < > <= >= to compare, and && || ! for bools."

func forms() []form {
	const object, list, call = "Object not well-formed", "List not well-formed", "Call not well-formed"
	return []form{
		{"Missing newline after argument", codeSyntax, "Operator or line break missing",
			"The value ends before this. Another argument belongs on a line of its own; parts of one text are written as in \"${a}-${b}\"."},
		{"Missing newline after block", codeSyntax, "Line break missing", "A block ends with its line: what follows the } belongs on a line of its own."},
		{"Missing false expression", codeSyntax, "Choice without an alternative", "A choice is written condition ? value : other value."},
		{"Invalid attribute name", codeSyntax, "Name missing", "After a dot comes a name, as in event.branch."},
		{"Invalid legacy index", codeSyntax, "Index not well-formed", "An index is written in brackets: list[0]."},
		{"Nested splat", codeSyntax, "Index not well-formed", "After .* no further .* can follow. Write [*], or a for."},
		{"Missing close bracket", codeSyntax, "Index not well-formed", "An index is written list[0], and only one value stands between the brackets."},
		{"Unbalanced parentheses", codeSyntax, "Operator missing", "The value between the parentheses ends before this, and they are not closed yet."},
		{"Missing expression", codeSyntax, "Value missing", "A value is needed here: \"text\", a number, true, a [list], an { object }, or a reference such as event.branch."},
		{"Invalid expression", codeSyntax, "Value missing", "A value is needed here: \"text\", a number, true, a [list], an { object }, or a reference such as event.branch."},
		{"Missing function name", codeSyntax, call, "After :: comes the name of a function. This language has no such names: write upper(\"a\")."},
		{"Missing open parenthesis", codeSyntax, call, "A function is called as in upper(\"a\")."},
		{"Missing closing parenthesis", codeSyntax, call, "After ... nothing but ) can follow, as in max(list...)."},
		{"Missing argument separator", codeSyntax, call, "The arguments of a function are separated by commas: coalesce(a, b)."},
		{"Missing item separator", codeSyntax, list, "The elements of a list are separated by commas: [a, b]."},
		{"Missing attribute value", codeSyntax, object, "Each item of an object is key = value."},
		{"Missing key/value separator", codeSyntax, object, "Each item of an object is key = value."},
		{"Missing attribute separator", codeSyntax, object, "The items of an object are separated by commas or line breaks."},
		{"Invalid 'for' expression", codeSyntax, "Loop not well-formed",
			"A loop is written [for x in list : value], or { for k, v in object : key => value }; \"if condition\" may end both."},
		{"Invalid 'for' directive", codeSyntax, "Loop not well-formed", "In text a loop is written %{ for x in list }...%{ endfor }."},
		{"Invalid template", codeSyntax, "Directive not well-formed",
			"Between %{ and } stands if, else, endif, for or endfor. To write these characters themselves, double the first: %%{."},
		{"Extra characters in", codeSyntax, "Directive not well-formed", "Nothing more can stand here before the }."},
		{"Unexpected end of template", codeSyntax, "Directive not closed", "%{ if } needs an %{ endif } in the same text, and %{ for } an %{ endfor }."},
		{"Unexpected", codeSyntax, "Stray directive", "No %{ if } or %{ for } is open in this text that this could belong to."},
		{"Extra characters after interpolation", codeSyntax, "Not an expression",
			"Between ${ and } stands one expression, and it ends before this. A shell's ${A:-b} can stand in scripts only; " +
				"elsewhere $${ writes the characters ${."},
		{"Invalid string literal", codeSyntax, "Not a plain name", "A name is plain text: ${ } and %{ } cannot stand in it."},
		{"Invalid escape", codeEscape, "Unknown escape",
			"In quotes a backslash is written \\\\, a quote \\\", a line break \\n, a tab \\t, and a character \\u and the four digits of its number."},
		{"Unsupported operator", codeSyntax, "Unknown operator", operators},
	}
}

// reportTwice replaces hcl's message about an argument that is set twice, which holds a line number.
func reportTwice(src *source, file *hcl.File, name string, at place, ps *problems) {
	detail := ""
	if body, ok := file.Body.(*hclsyntax.Body); ok {
		if a := innermost(body, at.start).Attributes[name]; a != nil {
			detail = " It is already set at " + src.at(a.NameRange).String() + "."
		}
	}
	ps.add(codeDuplicate, at, "Argument set twice", "An argument can be set once.%s", detail)
}

func innermost(body *hclsyntax.Body, offset int) *hclsyntax.Body {
	for _, b := range body.Blocks {
		if b.Body.SrcRange.Start.Byte <= offset && offset < b.Body.SrcRange.End.Byte {
			return innermost(b.Body, offset)
		}
	}
	return body
}
