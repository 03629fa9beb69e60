package dsl

import (
	"fmt"
	"slices"
	"sort"
	"strconv"

	"github.com/tutti-ci/tutti/dsl/plan"
)

// A code names a kind of mistake, for documentation and search. The first digit tells the group: 1 syntax, 2 names,
// 3 types and values, 4 phases and null, 6 graph, 7 limits, 9 ours.
type code string

const (
	codeYAML            code = "E101"
	codeSyntax          code = "E102"
	codeCharacter       code = "E103"
	codeQuote           code = "E104"
	codeHeredoc         code = "E105"
	codeComment         code = "E106"
	codeEscape          code = "E107"
	codeJSON            code = "E108"
	codeArgument        code = "E201"
	codeForeign         code = "E202" // a word of another system
	codeNotReference    code = "E203"
	codeJob             code = "E204"
	codeReference       code = "E205"
	codeMatrixOutputs   code = "E206"
	codeInput           code = "E207"
	codeMissingInput    code = "E208"
	codeAttribute       code = "E209"
	codeDuplicate       code = "E210"
	codeName            code = "E211"
	codeBlock           code = "E212"
	codeMissingArgument code = "E213"
	codeConflict        code = "E214"
	codeNothingToRun    code = "E215"
	codeNoImage         code = "E216"
	codeFunction        code = "E217"
	codeBlockOrArg      code = "E218"
	codeLabels          code = "E219"
	codeEmpty           code = "E220"
	codePipeline        code = "E221"
	codeSource          code = "E222"
	codeNotLocked       code = "E223"
	codeLock            code = "E224"
	codeNoVariable      code = "E225"
	codeNoSecret        code = "E226"
	codeRelease         code = "E227"
	codeSideEffects     code = "E228"
	codeLater           code = "E290"
	codeType            code = "E301"
	codeComparison      code = "E302"
	codeMixed           code = "E303"
	codeEnv             code = "E304"
	codeCall            code = "E305"
	codeValue           code = "E306"
	codeOperation       code = "E307"
	codeFile            code = "E308"
	codeSchedule        code = "E309"
	codeCheck           code = "E310"
	codeLateValue       code = "E311" // what a run put out does not fit
	codePhase           code = "E401"
	codeNull            code = "E402"
	codeMayNotRun       code = "E403"
	codeLiteral         code = "E404"
	codeInScript        code = "E405"
	codeDollar          code = "E406"
	codeNoRun           code = "E407"
	codeNotVisible      code = "E408"
	codeOrder           code = "E409"
	codeLeak            code = "E501"
	codeJobCycle        code = "E601"
	codeLocalCycle      code = "E602"
	codePipelineCycle   code = "E603"
	codeNeverRuns       code = "E604"
	codeSize            code = "E701"
	codeNesting         code = "E702"
	codeOperators       code = "E703"
	codeNumber          code = "E704"
	codeHeredocSize     code = "E705"
	codeScriptSize      code = "E706"
	codeStringSize      code = "E707"
	codeElements        code = "E708"
	codeExpensive       code = "E709"
	codeTooMany         code = "E710"
	codePlanSize        code = "E713"
	codeInternal        code = "E901"
)

const (
	maxShown = 20   // problems that one answer carries; the rest is counted
	maxKept  = 2000 // problems that are kept to be sorted; a hostile file can make any number
)

// problems collects the mistakes of all files.
type problems struct {
	kept    []found
	seen    map[plan.Problem]bool
	dropped int
	errors  int
}

type found struct {
	plan.Problem
	at place
}

// add reports an error. Its detail says what is wrong and what to do, in whole sentences.
func (p *problems) add(c code, at place, title, detail string, args ...any) {
	p.report(plan.Error, c, at, title, fmt.Sprintf(detail, args...))
}

// warn reports what is probably not meant.
func (p *problems) warn(c code, at place, title, detail string, args ...any) {
	p.report(plan.Warning, c, at, title, fmt.Sprintf(detail, args...))
}

func (p *problems) report(severity plan.Severity, c code, at place, title, detail string) {
	if severity == plan.Error {
		p.errors++
	}
	if len(p.kept) >= maxKept {
		p.dropped++
		return
	}
	problem := plan.Problem{Code: string(c), Severity: severity, Title: clean(title), Detail: clean(detail)}
	if at.src != nil {
		problem.File = at.src.name
		problem.Start, problem.End = at.src.position(at.start), at.src.position(at.end)
	}
	if p.seen[problem] { // one mistake is met once for each kind of event
		return
	}
	if p.seen == nil {
		p.seen = map[plan.Problem]bool{}
	}
	p.seen[problem] = true
	p.kept = append(p.kept, found{problem, at})
}

// failed says whether there is an error; warnings alone fail nothing.
func (p *problems) failed() bool { return p.errors > 0 }

// list answers the problems sorted by place, with snippets, at most maxShown and one that counts the rest.
func (p *problems) list() []plan.Problem {
	sort.SliceStable(p.kept, func(i, j int) bool {
		a, b := p.kept[i], p.kept[j]
		if a.at.src != b.at.src || a.at.start != b.at.start {
			return a.at.before(b.at)
		}
		return a.Code < b.Code
	})
	shown, severity := p.kept, plan.Warning
	if p.failed() {
		severity = plan.Error
	}
	if len(shown) > maxShown && p.failed() { // advice must not hide mistakes
		shown = slices.DeleteFunc(slices.Clone(shown), func(f found) bool { return f.Severity == plan.Warning })
	}
	var list []plan.Problem
	for i, f := range shown {
		if i == maxShown {
			rest := len(shown) - i + p.dropped
			return append(list, plan.Problem{Severity: severity, Title: fmt.Sprintf("And %d more", rest),
				Detail: "Only the first " + itoa(maxShown) + " are shown."})
		}
		if f.at.src != nil {
			f.Snippet, f.Carets = f.at.snippet()
		}
		list = append(list, f.Problem)
	}
	return list
}

func itoa(n int) string { return strconv.Itoa(n) }
