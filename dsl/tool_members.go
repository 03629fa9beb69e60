package dsl

import "strings"

// A member is a name that may stand at some place of a reference.
type member struct {
	name   string
	detail string // its type, or what it is
	doc    string
	at     Place // where it is declared; File is empty if nowhere
	// inferred says that its type is not written down, but that of an expression.
	inferred bool
}

// members answers what may follow a path, as seen from a cursor. The empty path asks for the roots.
func (f *Folder) members(c cursor, path []string) []member {
	if len(path) == 0 {
		return f.roots(c)
	}
	in := c.within
	switch root, rest := path[0], path[1:]; root {
	case "event", "repo", "run":
		return fixedMembers[strings.Join(path, ".")]
	case "local":
		if len(rest) == 0 {
			return f.locals()
		}
	case "var":
		return first(rest, f.declared("variable"))
	case "secret":
		return first(rest, f.declared("secret"))
	case "def":
		return first(rest, f.declared("activity"))
	case "lib":
		return first(rest, f.declared("library"))
	case "input":
		if owner := firstBlock(in.pipeline, in.definition); owner != nil {
			return first(rest, c.declaredIn(owner.body, "input"))
		}
	case "matrix":
		if in.job != nil {
			return first(rest, c.axes(in.job))
		}
	case "job":
		if in.pipeline != nil {
			return f.jobMembers(c, rest)
		}
	case "approval":
		if in.pipeline != nil && len(rest) == 0 {
			return c.declaredIn(in.pipeline.body, "approval")
		}
		return second(rest, approvalMembers)
	case "activity":
		if in.job != nil {
			return f.activityMembers(c, rest)
		}
	}
	return nil
}

// roots are the names that expressions may begin with at a cursor.
func (f *Folder) roots(c cursor) []member {
	in := c.within
	var list []member
	for _, r := range rootMembers() {
		switch {
		case in.definition != nil && r.name != "input" && r.name != "run":
		case r.name == "input" && in.pipeline == nil && in.definition == nil:
		case (r.name == "job" || r.name == "approval" || r.name == "secret") && in.pipeline == nil:
		case r.name == "matrix" && (in.job == nil || in.job.body.named("matrix", "") == nil):
		case r.name == "activity" && in.job == nil:
		default:
			list = append(list, r)
		}
	}
	return list
}

func first(rest []string, list []member) []member {
	if len(rest) > 0 {
		return nil
	}
	return list
}

func second(rest []string, list []member) []member {
	if len(rest) != 1 {
		return nil
	}
	return list
}

func firstBlock(blocks ...*outlineBlock) *outlineBlock {
	for _, b := range blocks {
		if b != nil {
			return b
		}
	}
	return nil
}

func (f *Folder) locals() []member {
	var list []member
	for _, found := range f.blocks("locals") {
		for _, a := range found.block.body.args {
			list = append(list, member{
				name: a.name, detail: "local", doc: fence(found.text(Stretch{a.nameAt.Start, max(a.value.End, a.nameAt.End)})),
				at: Place{found.src.name, a.nameAt}, inferred: true,
			})
		}
	}
	return list
}

// declared answers the blocks of a kind at the top of all files.
func (f *Folder) declared(kind string) []member {
	var list []member
	for _, found := range f.blocks(kind) {
		list = append(list, found.member())
	}
	return list
}

func (o *outline) declaredIn(body *outlineBody, kind string) []member {
	var list []member
	for _, b := range body.all(kind) {
		list = append(list, outlined{o, b}.member())
	}
	return list
}

// member describes a block as something that can be referred to.
func (b outlined) member() member {
	m := member{name: b.block.label(), detail: b.block.kind, at: Place{b.src.name, b.block.at()}}
	if a := b.block.body.arg("type"); a != nil {
		m.detail = b.text(a.value)
	}
	if a := b.block.body.arg("description"); a != nil {
		m.doc = strings.Trim(b.text(a.value), `"`)
	}
	if a := b.block.body.arg("value"); a != nil {
		m.doc, m.inferred = fence("value = "+b.text(a.value)), true
	}
	return m
}

// fence shows text as code of the language. Long text is cut.
func fence(text string) string {
	const longest = 10
	lines := strings.SplitN(text, "\n", longest+1)
	if len(lines) > longest {
		lines[longest] = "…"
	}
	return "```hcl\n" + strings.Join(lines, "\n") + "\n```"
}

func (o *outline) axes(job *outlineBlock) []member {
	matrix := job.body.named("matrix", "")
	if matrix == nil || matrix.body.arg("axes") == nil {
		return nil
	}
	var list []member
	for _, k := range o.keys(matrix.body.arg("axes").value) {
		list = append(list, member{name: k.name, detail: "axis of the matrix", at: Place{o.src.name, k.at}, inferred: true})
	}
	return list
}

func (f *Folder) jobMembers(c cursor, rest []string) []member {
	if len(rest) == 0 {
		return c.declaredIn(c.within.pipeline.body, "job")
	}
	job := c.within.pipeline.body.named("job", rest[0])
	if job == nil {
		return nil
	}
	matrix := job.body.named("matrix", "") != nil
	switch what := strings.Join(rest[1:], "."); {
	case what == "" && matrix:
		return matrixJobMembers
	case what == "":
		return plainJobMembers
	case what == "outputs" && !matrix, what == "each.[].outputs":
		return c.declaredIn(job.body, "output")
	case what == "each.[].matrix":
		return c.axes(job)
	case what == "each.[]":
		return eachMembers
	case what == "artifacts":
		return c.declaredIn(job.body, "artifact")
	}
	return nil
}

func (f *Folder) activityMembers(c cursor, rest []string) []member {
	var earlier []*outlineBlock
	for _, b := range c.within.job.body.all("activity") {
		if b == c.within.activity {
			break
		}
		earlier = append(earlier, b)
	}
	if len(rest) == 0 {
		var list []member
		for _, b := range earlier {
			list = append(list, outlined{c.outline, b}.member())
		}
		return list
	}
	for _, b := range earlier {
		switch {
		case b.label() != rest[0]:
		case len(rest) == 1:
			return activityMembers
		case len(rest) == 2 && rest[1] == "outputs":
			list := c.declaredIn(b.body, "output")
			if def, ok := f.used(c.outline, b); ok {
				list = append(list, def.declaredIn(def.block.body, "output")...)
			}
			return list
		}
	}
	return nil
}

// used answers the definition that an activity uses, if it is one of this folder.
func (f *Folder) used(o *outline, activity *outlineBlock) (outlined, bool) {
	if activity == nil || activity.body.arg("use") == nil {
		return outlined{}, false
	}
	name, ok := strings.CutPrefix(o.text(activity.body.arg("use").value), "def.")
	for _, def := range f.blocks("activity") {
		if ok && def.block.label() == name {
			return def, true
		}
	}
	return outlined{}, false
}
