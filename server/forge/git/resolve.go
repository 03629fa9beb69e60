package git

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/tutti-ci/tutti/server"
)

var (
	fullHash  = regexp.MustCompile(`^(?:[0-9a-f]{40}|[0-9a-f]{64})$`)
	shortHash = regexp.MustCompile(`^[0-9a-f]{7,64}$`)
)

const (
	branches = "refs/heads/"
	tags     = "refs/tags/"
)

// Resolve answers the commit that a ref of the mirror means, and what is known of it: everything of an Event but its Kind.
// The ref is a branch, a tag, either of them in full ("refs/heads/main"), or a hash; empty means the branch that the
// repository says is its main one. A name that is both a branch and a tag means the branch.
func (m *Mirrors) Resolve(ctx context.Context, project, ref string) (server.Event, error) {
	r, err := m.mirror(project)
	if err != nil {
		return server.Event{}, err
	}
	names := candidates(ref)
	if ref == "" {
		main, err := m.DefaultBranch(ctx, project)
		if err != nil {
			return server.Event{}, err
		}
		names = candidates(branches + main)
	}
	o, err := m.objects(ctx, r.dir)
	if err != nil {
		return server.Event{}, err
	}
	defer o.close()
	for _, name := range names {
		e, err := o.commit(project, name)
		if server.KindOf(err) == server.NotFound {
			continue
		}
		if err != nil {
			return server.Event{}, err
		}
		e.setRef(name)
		return e.Event, nil
	}
	if ref == "" {
		return server.Event{}, noCommit(project)
	}
	return server.Event{}, server.Errorf(server.NotFound, "project %q has no branch, tag or commit %q", project, ref)
}

// candidates lists what a ref may mean, best first; nothing for what cannot be one.
func candidates(ref string) []string {
	if !validRef(ref) {
		return nil
	}
	if strings.HasPrefix(ref, branches) || strings.HasPrefix(ref, tags) {
		return []string{ref}
	}
	names := []string{branches + ref, tags + ref}
	switch {
	case fullHash.MatchString(ref):
		return append([]string{ref}, names...)
	case shortHash.MatchString(ref):
		return append(names, ref)
	}
	return names
}

// validRef knows what git forbids in names of refs; all that means something in git's language of revisions is forbidden.
func validRef(ref string) bool {
	for _, bad := range []string{"..", "@{", "//"} {
		if strings.Contains(ref, bad) {
			return false
		}
	}
	if strings.ContainsFunc(ref, func(c rune) bool { return c <= ' ' || c == 0x7f || strings.ContainsRune(`~^:?*[\`, c) }) {
		return false
	}
	for part := range strings.SplitSeq(ref, "/") {
		if part == "" || strings.HasPrefix(part, ".") || strings.HasSuffix(part, ".lock") {
			return false
		}
	}
	return !strings.HasSuffix(ref, ".") && len(ref) < 1000
}

// DefaultBranch asks the repository itself for its main branch, because it may change its mind; empty if it has none, as
// long as nothing was pushed.
func (m *Mirrors) DefaultBranch(ctx context.Context, project string) (string, error) {
	r, err := m.mirror(project)
	if err != nil {
		return "", err
	}
	out, err := m.output(ctx, r.dir, "ls-remote", "--symref", "origin", "HEAD")
	if err != nil {
		return "", fmt.Errorf("asking for the main branch of project %s: %w", project, err)
	}
	for line := range strings.Lines(string(out)) { // "ref: refs/heads/main\tHEAD"
		target, _, _ := strings.Cut(line, "\t")
		if branch, ok := strings.CutPrefix(target, "ref: "+branches); ok && validRef(branch) {
			return branch, nil
		}
	}
	return "", nil
}

func noCommit(project string) error {
	return server.Errorf(server.NotFound, "the repository of project %q has no commit on its main branch yet", project)
}

// found is an Event in the making.
type found struct{ server.Event }

func (e *found) setRef(name string) {
	switch {
	case strings.HasPrefix(name, branches):
		e.Ref, e.Branch = name, strings.TrimPrefix(name, branches)
	case strings.HasPrefix(name, tags):
		e.Ref, e.Tag = name, strings.TrimPrefix(name, tags)
	}
}

// commit answers the commit of that name, with its title and its author. The name is a valid full ref, or a hash.
func (o *objects) commit(project, name string) (found, error) {
	obj, data, err := o.read(name+"^{commit}", maxCommitBytes)
	switch {
	case errors.Is(err, errMissing):
		return found{}, server.Errorf(server.NotFound, "project %q has no commit %q", project, name)
	case err != nil:
		return found{}, fmt.Errorf("reading commit %s: %w", name, err)
	}
	head, message, _ := strings.Cut(string(data), "\n\n")
	e := found{server.Event{Commit: obj.hash, Title: title(message), Message: strings.ToValidUTF8(message[:min(len(message), maxMessage)], "")}}
	for line := range strings.Lines(head) {
		if author, ok := strings.CutPrefix(line, "author "); ok {
			name, _, _ := strings.Cut(author, " <")
			e.Actor = clean(name)
			break
		}
	}
	return e, nil
}

// Bounds of what is taken from a commit, in bytes.
const (
	maxTitle   = 300
	maxMessage = 32 << 10
)

// title is the first line of a message that says something.
func title(message string) string {
	for line := range strings.Lines(message) {
		if t := clean(line); t != "" {
			return t
		}
	}
	return ""
}

// clean makes text of a commit fit to be shown: it may be in any encoding, and of any length.
func clean(text string) string {
	if len(text) > maxTitle {
		text = text[:maxTitle]
	}
	return strings.TrimSpace(strings.ToValidUTF8(text, ""))
}
