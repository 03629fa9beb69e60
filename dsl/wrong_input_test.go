package dsl_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tutti-ci/tutti/dsl"
	"github.com/tutti-ci/tutti/dsl/plan"
)

// inActivity puts statements where the ones of an activity stand: from line 5, column 1 on.
func inActivity(text string) string {
	return "pipeline \"ci\" {\n on \"push\" {}\n job \"a\" {\n  activity \"x\" {\n" + text + "\n  }\n }\n}\n"
}

func inJob(text string) string {
	return "pipeline \"ci\" {\n on \"push\" {}\n job \"a\" {\n\n" + text + "\n }\n}\n"
}

// TestWrongInput makes sure that each mistake of form gets one message, in our words, at its place.
func TestWrongInput(t *testing.T) {
	const good = "   image  = \"alpine:3.20\"\n   script = \"true\""
	cases := map[string]struct{ text, want string }{
		"UTF16LE":         {"\xff\xfep\x00i\x00", "1:1 E103 Not UTF-8"},
		"UTF16BE":         {"\xfe\xff\x00p\x00i", "1:1 E103 Not UTF-8"},
		"UTF16NoMark":     {"p\x00i\x00p\x00", "1:1 E103 Not UTF-8"},
		"Latin1":          {inActivity(good + " # caf\xe9"), "6:25 E103 Not UTF-8"},
		"NUL":             {inActivity("script = \"a\x00\""), "5:12 E103 NUL character"},
		"LoneCR":          {inActivity("script = \"a\"\rimage = \"b\""), "5:13 E103 Lone carriage return"},
		"BOMInside":       {inActivity("\uFEFFscript = \"a\""), "5:1 E103 Invisible character"},
		"BidiCode":        {inActivity("script \u202e= \"a\""), "5:8 E103 Invisible character"},
		"BidiComment":     {inActivity(good + " # \u2067"), "6:22 E103 Invisible character"},
		"BidiScript":      {inActivity("script = <<SH\necho \u202e\nSH"), "6:6 E103 Invisible character"},
		"ZeroWidthName":   {inActivity("scr\u200bipt = \"a\""), "5:4 E103 Invisible character"},
		"ZeroWidthText":   {inActivity("image = \"al\u200bpine\""), "5:12 E103 Invisible character"},
		"JoinerInCode":    {inActivity("image\u200d = \"alpine\""), "5:6 E103 Invisible character"},
		"NoBreakSpace":    {inActivity("image\u00a0= \"alpine\""), "5:6 E103 Odd blank"},
		"FormFeed":        {inActivity("image = \f\"alpine\""), "5:9 E103 Invisible character"},
		"CurlyQuotes":     {inActivity("image = “alpine”"), "5:9 E103 Typographic quote"},
		"SingleQuotes":    {inActivity("image = 'alpine'"), "5:9 E103 Wrong quote"},
		"Backticks":       {inActivity("image = `alpine`"), "5:9 E103 Wrong quote"},
		"Dash":            {inActivity("timeout = a – b"), "5:13 E103 Typographic dash"},
		"Semicolon":       {inActivity("image = \"alpine\"; script = \"a\""), "5:17 E103 Stray character"},
		"Dollar":          {inActivity("image = $IMAGE"), "5:9 E103 Stray character"},
		"At":              {inActivity("image = alpine@1"), "5:15 E103 Stray character"},
		"Tilde":           {inActivity("image = ~a"), "5:9 E103 Stray character"},
		"OneAmpersand":    {inActivity("image = a & b"), "5:11 E103 Stray character"},
		"Power":           {inActivity("timeout = 2 ** 3"), "5:13 E102 Unknown operator"},
		"Emoji":           {inActivity("😀 = 1"), "5:1 E103 Stray character"},
		"Comma":           {inActivity("image = \"alpine\",\nscript = \"a\""), "5:17 E102 Stray comma"},
		"CommaAfterBlock": {inJob("activity \"x\" {\n}, activity \"y\" {\n}"), "6:2 E102 Stray comma"},

		"QuoteLone":          {inActivity("image = \"alpine"), "5:9 E104 Unclosed quote"},
		"QuoteInObject":      {inActivity("env = { A = \"1, B = \"2\" }"), "5:13 E104 Unclosed quote"},
		"QuoteInList":        {inActivity("command = [\"a, \"b\"]\nimage = \"x\""), "5:12 E104 Unclosed quote"},
		"QuoteInLabel":       {inJob("activity \"x {\nscript = \"a\"\n}"), "5:10 E104 Unclosed quote"},
		"QuoteEscaped":       {inActivity("image = \"alpine\\\""), "5:9 E104 Unclosed quote"},
		"QuoteInScript":      {inActivity("script = \"echo\nimage = \"x\""), "5:10 E104 Unclosed quote"},
		"TemplateInQuote":    {inActivity("image = \"a${event.branch\""), "5:11 E102 Not closed"},
		"TemplateInHeredoc":  {inActivity("env = { A = <<E\n${event.branch\nE\n}"), "6:1 E102 Not closed"},
		"ShellInHeredoc":     {inActivity("env = { A = <<E\n${A:-b}\nE\n}"), "6:4 E102 Not an expression"},
		"Heredoc":            {inActivity("script = <<SH\necho"), "5:10 E105 Unterminated heredoc"},
		"HeredocInEnv":       {inActivity("env = { A = <<SH\necho\n}"), "5:13 E105 Unterminated heredoc"},
		"HeredocQuotedName":  {inActivity("script = <<'SH'\necho\nSH"), "5:10 E105 Bad start of a heredoc"},
		"HeredocBlank":       {inActivity("script = << SH\necho\nSH"), "5:10 E105 Bad start of a heredoc"},
		"Comment":            {inActivity("/* a"), "5:1 E106 Unclosed comment"},
		"EscapeInScript":     {inActivity("script = \"a\\d\""), "5:12 E107 Unknown escape"},
		"EscapeInText":       {inActivity("image = \"a\\d\""), "5:11 E107 Unknown escape"},
		"EscapeNoCharacter":  {inActivity("image = \"\\ud800\""), ""},
		"YAML":               {"name: ci\non: push\n", "1:1 E101 This looks like YAML"},
		"YAMLAfterMark":      {"\uFEFFname: ci\n", "1:1 E101 This looks like YAML"},
		"YAMLInside":         {inJob("activity \"x\" {\nimage: alpine\n}"), "6:6 E102 \"=\" missing"},
		"YAMLList":           {inActivity("- image: alpine"), "5:1 E101 This looks like YAML"},
		"JSON":               {"{\n \"pipeline\": {}\n}\n", "1:1 E108 This looks like JSON"},
		"JSONInside":         {inActivity("\"image\": \"alpine\""), "5:1 E102 Name in quotes"},
		"NestedOnOneLine":    {inJob("a { b { c = 1 } }"), "5:5 E102 Too much on one line"},
		"TwoOnOneLine":       {inJob("activity \"x\" { image = \"a\" script = \"b\" }"), "5:28 E102 Too much on one line"},
		"OneLineCommas":      {inJob("activity \"x\" { image = \"a\", script = \"b\" }"), "5:27 E102 Stray comma"},
		"OneLineGoesOn":      {inJob("activity \"x\" { image = \"a\"\n}"), "5:16 E102 Too much on one line"},
		"OneLineHeredoc":     {inJob("activity \"x\" { script = <<SH\na\nSH\n}"), "5:16 E102 Too much on one line"},
		"OneLineMissing":     {inJob("activity \"x\" { image }"), "5:16 E102 Statement incomplete"},
		"EqualsBeforeBlock":  {inJob("activity \"x\" = {\n}"), "5:14 E102 Stray \"=\""},
		"EqualsMissing":      {inActivity("image \"alpine\""), "5:1 E102 Brace missing"},
		"EqualsMissingList":  {inActivity("command [\"a\"]"), "5:9 E102 \"=\" missing"},
		"EqualsMissingValue": {inActivity("retries 3"), "5:9 E102 \"=\" missing"},
		"ColonEquals":        {inActivity("image := \"alpine\""), "5:7 E102 \"=\" missing"},
		"DottedName":         {inActivity("env.A = 1"), "5:4 E102 \"=\" missing"},
		"WordAlone":          {inActivity("image"), "5:1 E102 Statement incomplete"},
		"ValueMissing":       {inActivity("image =\nscript = \"a\""), "5:1 E102 Value missing"},
		"ValueGoesOn":        {inActivity("image = \"a\" ==\n\"b\""), "5:1 E102 Value missing"},
		"TwoValues":          {inActivity("image = \"a\" \"b\""), "5:13 E102 Operator or line break missing"},
		"TwoArguments":       {inActivity("image = \"a\" script = \"b\""), "5:13 E102 Operator or line break missing"},
		"NameMissing":        {inActivity("= 5"), "5:1 E102 Name missing"},
		"NumberFirst":        {inActivity("5 = 5"), "5:1 E102 Name missing"},
		"BraceNextLine":      {inJob("activity \"x\"\n{\n}"), "5:1 E102 Brace missing"},
		"BraceMissing":       {inJob("activity \"x\"\nimage = \"a\"\n}"), "5:1 E102 Brace missing"},
		"BraceAfterValue":    {inActivity("image = \"a\" }"), "5:13 E102 Line break missing"},
		"AfterBlock":         {inJob("activity \"x\" {\n} activity \"y\" {\n}"), "6:3 E102 Line break missing"},
		"BraceAfterBlock":    {inJob("activity \"x\" {\n env = {} } }"), "6:11 E102 Line break missing"},
		"StrayBrace":         {inActivity(good) + "}\n", "10:1 E102 Stray brace"},
		"BraceAlone":         {inActivity("{\n}"), "5:1 E102 Stray brace"},
		"StrayBracket":       {inActivity("image = a]"), "5:10 E102 Stray bracket"},
		"WrongBracket":       {inActivity("image = (a]"), "5:9 E102 Not closed"},
		"ParenUnclosed":      {inActivity("image = upper(\"a\"\nscript = \"b\""), "5:14 E102 Not closed"},
		"ListUnclosed":       {inActivity("command = [\"a\",\nscript = \"b\""), "5:11 E102 Not closed"},
		"ObjectUnclosed":     {inJob("  env = {\n   A = 1\n  activity \"x\" {\n  }"), "5:9 E102 Not closed"},
		"ObjectUnclosedEnd":  {inActivity("   env = {\n    A = 1\n   image = \"x\""), "5:10 E102 Not closed"},
		"BlockUnclosed":      {"pipeline \"ci\" {\n job \"a\" {\n  image = \"x\"\n  activity \"x\" {\n   script = \"a\"\n\n job \"b\" {\n }\n}\n", "4:16 E102 Not closed"},
		"BlockUnclosedLast":  {"pipeline \"ci\" {\n job \"a\" {\n  image = \"x\"\n}\n", "2:10 E102 Not closed"},
		"FileUnclosed":       {"pipeline \"ci\" {\n on \"push\" {}\n", "1:15 E102 Not closed"},
		"ItemsNoComma":       {inActivity("command = [\"a\" \"b\"]"), "5:16 E102 List not well-formed"},
		"ArgumentsNoComma":   {inActivity("image = upper(\"a\" \"b\")"), "5:19 E102 Call not well-formed"},
		"ObjectNoValue":      {inActivity("env = { A }"), "5:11 E102 Object not well-formed"},
		"ObjectNoComma":      {inActivity("env = { A = 1 B = 2 }"), "5:15 E102 Object not well-formed"},
		"ChoiceNoElse":       {inActivity("image = a ? \"b\""), "5:16 E102 Choice without an alternative"},
		"DotNothing":         {inActivity("image = event."), "5:1 E102 Value missing"},
		"ForBroken":          {inActivity("command = [for x : x]"), "5:18 E102 Loop not well-formed"},
		"DirectiveOpen":      {inActivity("image = \"%{ if true }a\""), "5:23 E102 Directive not closed"},
		"DirectiveStray":     {inActivity("image = \"a%{ endif }\""), "5:11 E102 Stray directive"},
		"DirectiveUnknown":   {inActivity("image = \"a%{ while }\""), "5:14 E102 Directive not well-formed"},
		"LabelTemplate":      {inJob("activity \"${x}\" {\n}"), "5:11 E102 Not a plain name"},
		"Twice":              {inActivity("image = \"a\"\nimage = \"b\""), "6:1 E210 Argument set twice"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			problems := dsl.Check([]dsl.File{{Name: "x.hcl", Data: []byte(c.text)}})
			var got []string
			for _, p := range problems {
				got = append(got, fmt.Sprintf("%d:%d %s %s", p.Start.Line, p.Start.Column, p.Code, p.Title))
			}
			if all := strings.Join(got, "\n"); c.want != "" && all != c.want {
				t.Errorf("problems:\n%s\nwant:\n%s\n%s", all, c.want, rendered(t, problems, false))
			}
			for _, p := range problems {
				if p.Detail == "" || strings.Contains(p.Detail, "%!") || strings.Contains(p.Title, "Invalid ") && p.Code == "E102" {
					t.Errorf("message: %+v", p)
				}
			}
		})
	}
}

// TestSeveralMistakes makes sure that one mistake of form hides none of other blocks and files, and that nothing is said that
// only follows from it.
func TestSeveralMistakes(t *testing.T) {
	files := []dsl.File{
		{Name: "a.hcl", Data: []byte("pipeline \"ci\" {\n on \"push\" {}\n job \"a\" {\n  image = [1 2]\n }\n job \"b\" {\n  image = f(1 2)\n }\n}\n")},
		{Name: "b.hcl", Data: []byte("locals {\n x = \"open\n y = 2\n}\n")},
		{Name: "c.hcl", Data: []byte("pipeline \"cd\" {\n on \"push\" {}\n job \"c\" {\n  image = local.x\n }\n}\n")},
	}
	var got []string
	for _, p := range dsl.Check(files) {
		got = append(got, fmt.Sprintf("%s:%d %s", p.File, p.Start.Line, p.Title))
	}
	if all, want := strings.Join(got, ", "), "a.hcl:4 List not well-formed, a.hcl:7 Call not well-formed, b.hcl:2 Unclosed quote"; all != want {
		t.Errorf("problems = %s, want %s", all, want)
	}
}

// TestUsualInput compiles files as editors of all systems write them: the plan must be the same.
func TestUsualInput(t *testing.T) {
	const text = "pipeline \"ci\" {\n  on \"push\" {}\n  job \"a\" {\n    image = \"alpine:3.20\"\n    env = {\n      A = <<E\nx\n  y\nE\n    }\n" +
		"    activity \"x\" {\n      script = <<-SH\n        a\n          b\n      SH\n    }\n  }\n}\n"
	want := planJSON(t, dsl.Compile(dsl.Request{Files: []dsl.File{{Name: "x.hcl", Data: []byte(text)}}, Event: pushTo("main")}))
	for name, other := range map[string]string{
		"CRLF": strings.ReplaceAll(text, "\n", "\r\n"), "Tabs": strings.ReplaceAll(text, "    ", "\t"), "Mark": "\uFEFF" + text,
		"MarkCRLF": "\uFEFF" + strings.ReplaceAll(text, "\n", "\r\n"), "NoLastBreak": strings.TrimSuffix(text, "\n"), "Blanks": strings.ReplaceAll(text, "{}\n", "{} \t\n"),
	} {
		t.Run(name, func(t *testing.T) {
			res := dsl.Compile(dsl.Request{Files: []dsl.File{{Name: "x.hcl", Data: []byte(other)}}, Event: pushTo("main")})
			got := planJSON(t, res)
			if name == "Tabs" {
				got = strings.ReplaceAll(got, "\\t", "    ") // inside of the script they stay
			}
			if got != want {
				t.Errorf("plan:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

// TestInvisibleInScript warns, once for each script, and changes nothing.
func TestInvisibleInScript(t *testing.T) {
	config, problems := dsl.Parse([]dsl.File{{Name: "x.hcl", Data: []byte(inActivity("image = \"alpine\"\nscript = \"a\u200b|\u00a0b \u200d\""))}})
	if config == nil || len(problems) != 1 || problems[0].Severity != plan.Warning || problems[0].Code != "E103" || problems[0].Start.Column != 12 {
		t.Errorf("problems: %+v", problems)
	}
}
