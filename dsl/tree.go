package dsl

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode/utf8"
)

// A tree answers what expressions ask about files: those of the commit, or inside of a library those of the library.
// What it says is a problem is a *limitError. known is false if nobody can know yet, which is no problem.
type tree interface {
	// text reads a file for an expression, and script one for the shell: larger, and with LF at the end of each line.
	text(path string) (text string, known bool, err error)
	script(path string) (text string, known bool, err error)
	// hash sums the files up that match.
	hash(patterns []string) (sum string, known bool, err error)
	// changed says whether the event changed a file that matches.
	changed(patterns []string) (changed, known bool, err error)
}

const (
	maxFileText   = maxStringBytes // of file(), in an expression
	maxFileScript = 1 << 20
	// MaxContent is the size of the largest file that an expression can read. Who supplies Request.Contents cuts a longer one
	// off after one more byte, which is then refused.
	MaxContent = maxFileScript
)

// fileError is a problem with the files of a commit or library.
func fileError(title, detail string, args ...any) *limitError {
	return &limitError{codeFile, title, fmt.Sprintf(detail, args...)}
}

// unknownTree is the tree of a check, which has no commit.
type unknownTree struct{}

func (unknownTree) text(name string) (string, bool, error)   { return "", false, checkPath(name) }
func (unknownTree) script(name string) (string, bool, error) { return "", false, checkPath(name) }

func (unknownTree) hash(patterns []string) (string, bool, error) {
	_, err := parseGlobs(patterns)
	return "", false, err
}

func (unknownTree) changed(patterns []string) (bool, bool, error) {
	_, err := parseGlobs(patterns)
	return false, false, err
}

// A commitTree is the tree of an event's commit, as far as a request holds it. It collects what is lacking, and what is
// found out, so that later requests need no tree.
type commitTree struct {
	req   *Request
	facts Facts
	wants Wants
	// charge takes steps for a walk through the tree, and says whether there were enough left.
	charge func(steps int) bool
}

// newCommitTree makes the tree of a request. A late one has facts only.
func newCommitTree(req *Request, charge func(steps int) bool) *commitTree {
	t := &commitTree{req: req, facts: Facts{}, charge: charge}
	for key, fact := range req.Facts {
		t.facts[key] = fact
	}
	return t
}

// lacks answers what has to come before the tree can answer everything; nil if it could.
func (t *commitTree) lacks() *Wants {
	if !t.wants.Tree && len(t.wants.Contents) == 0 {
		return nil
	}
	return &t.wants
}

func (t *commitTree) text(name string) (string, bool, error) {
	data, known, err := t.read(name)
	if err != nil || !known {
		return "", false, err
	}
	if len(data) > maxFileText {
		return "", false, fileError("File too large", "%q has more than %d KiB. Only a script can be longer: script = file(%[1]q).", name, maxFileText>>10)
	}
	return data, true, nil
}

func (t *commitTree) script(name string) (string, bool, error) {
	data, known, err := t.read(name)
	return unixLines(data), known, err
}

// read answers a file's text, whole.
func (t *commitTree) read(name string) (string, bool, error) {
	if err := checkPath(name); err != nil {
		return "", false, err
	}
	var text string
	key := factKey("file", name)
	if t.recall(key, &text) {
		return text, true, nil
	}
	data, given := t.req.Contents[name]
	switch {
	case t.req.Late != nil:
		return "", false, tooLate("file")
	case !given:
		return "", false, t.want(name)
	}
	text, err := readable(name, data)
	if err != nil {
		return "", false, err
	}
	return text, true, t.record(key, text)
}

// want asks for a file, unless the tree says that it is none.
func (t *commitTree) want(name string) error {
	i := slices.IndexFunc(t.req.Tree, func(f TreeFile) bool { return f.Path == name })
	switch {
	case t.req.Tree != nil && i < 0:
		return t.missing(name)
	case i >= 0 && t.req.Tree[i].Link:
		return fileError("Not a file", "%q is a symbolic link, and those are not followed.", name)
	case !slices.Contains(t.wants.Contents, name):
		t.wants.Contents = append(t.wants.Contents, name)
	}
	return nil
}

// missing says that there is no such file, or what there is instead.
func (t *commitTree) missing(name string) error {
	var names []string
	for _, f := range t.req.Tree {
		if strings.HasPrefix(f.Path, name+"/") {
			return fileError("Not a file", "%q is a folder.", name)
		}
		names = append(names, f.Path)
	}
	hint := ""
	if t.charge(len(names)) && len(names) < 5000 { // to compare takes a while
		hint = didYouMean(name, names)
	}
	return fileError("No such file", "There is no file %q in the commit.%s", name, hint)
}

func (t *commitTree) hash(patterns []string) (string, bool, error) {
	gs, err := parseGlobs(patterns)
	if err != nil {
		return "", false, err
	}
	var sum string
	key := factKey("hash_files", patterns...)
	switch {
	case t.recall(key, &sum):
		return sum, true, nil
	case t.req.Late != nil:
		return "", false, tooLate("hash_files")
	case t.req.Tree == nil:
		t.wants.Tree = true
		return "", false, nil
	case !t.charge(gs.steps(pathBytes(t.req.Tree))):
		return "", false, nil
	}
	if sum = sumOf(t.req.Tree, gs); sum == "" {
		return "", false, fileError("No file matches", "No file of the commit matches %s.", gs)
	}
	return sum, true, t.record(key, sum)
}

// sumOf hashes the files that match, in the order of their paths; it is empty if none does.
func sumOf(files []TreeFile, gs globs) string {
	var lines []string
	for _, f := range files {
		if gs.match(f.Path) {
			lines = append(lines, f.Path+"\x00"+f.Hash+"\n")
		}
	}
	if len(lines) == 0 {
		return ""
	}
	slices.Sort(lines)
	sum := sha256.Sum256([]byte(strings.Join(lines, "")))
	return hex.EncodeToString(sum[:])
}

// changed needs no facts: a request keeps its event.
func (t *commitTree) changed(patterns []string) (bool, bool, error) {
	gs, err := parseGlobs(patterns)
	switch {
	case err != nil:
		return false, false, err
	case t.req.Event.Changed == nil:
		return true, true, nil
	case !t.charge(gs.steps(len(strings.Join(t.req.Event.Changed, "")))):
		return false, false, nil
	}
	return slices.ContainsFunc(t.req.Event.Changed, gs.match), true, nil
}

func pathBytes(files []TreeFile) int {
	n := 0
	for _, f := range files {
		n += len(f.Path)
	}
	return n
}

// recall looks for what was found out before.
func (t *commitTree) recall(key string, into *string) bool {
	fact, ok := t.facts[key]
	return ok && json.Unmarshal(fact, into) == nil
}

func (t *commitTree) record(key, value string) error {
	fact, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("recording %s: %w", key, err)
	}
	t.facts[key] = fact
	return nil
}

// tooLate says that a question about the tree came up only after the tree was gone.
func tooLate(function string) error {
	return &limitError{codePhase, "Value not available here", fmt.Sprintf(
		"%s() looks at the files when a run is planned, and what it is asked about here was not known then.", function)}
}

// factKey writes a call as the language does.
func factKey(function string, args ...string) string {
	quoted := make([]string, len(args))
	for i, a := range args {
		quoted[i] = fmt.Sprintf("%q", a)
	}
	return function + "(" + strings.Join(quoted, ", ") + ")"
}

// checkPath says what is wrong with a path of file().
func checkPath(name string) error {
	switch {
	case name == "":
		return fileError("Invalid path", "file() needs the path of a file.")
	case strings.HasPrefix(name, "/"):
		return fileError("Invalid path", "%q is absolute. Paths begin at the root of the repository, as in \"scripts/build.sh\".", name)
	case slices.Contains(strings.Split(name, "/"), ".."):
		return fileError("Invalid path", "%q leaves its folder with \"..\". Paths begin at the root of the repository, as in \"scripts/build.sh\".", name)
	case strings.Contains(name, `\`):
		return fileError("Invalid path", "%q holds a backslash. Folders are separated by \"/\".", name)
	case strings.ContainsAny(name, "\x00\n") || !utf8.ValidString(name) || len(name) > maxGlobLength:
		return fileError("Invalid path", "This cannot be the path of a file.")
	case path.Clean(name) != name:
		return fileError("Invalid path", "Write %q in place of %q.", path.Clean(name), name)
	}
	return nil
}

// readable makes text of a file's bytes.
func readable(name string, data []byte) (string, error) {
	switch {
	case len(data) > MaxContent:
		return "", fileError("File too large", "%q has more than %d KiB.", name, MaxContent>>10)
	case !utf8.Valid(data):
		return "", fileError("Not a text", "%q is not UTF-8 text.", name)
	case strings.Contains(string(data), "\x00"):
		return "", fileError("Not a text", "%q holds a NUL character.", name)
	}
	return string(data), nil
}

// unixLines takes the CR of each CRLF away, with which no shell can do anything.
func unixLines(text string) string { return strings.ReplaceAll(text, "\r\n", "\n") }

// parseGlobs reads the arguments of hash_files and changed.
func parseGlobs(patterns []string) (globs, error) {
	var gs globs
	for _, text := range patterns {
		g, err := parseGlob(text)
		if err != nil {
			return nil, &limitError{codeValue, "Invalid pattern", sentence(err)}
		}
		gs = append(gs, g)
	}
	return gs, nil
}

// sentence makes one of an error.
func sentence(err error) string {
	text := err.Error()
	return strings.ToUpper(text[:1]) + text[1:] + "."
}
