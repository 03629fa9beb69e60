package dsl

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// A library is a library block: definitions of another repository. Where they stand there, LibraryDefinitions says.
type library struct {
	at  place
	ref LibraryRef // with what the lock file says
}

// maxLibraries bounds how many repositories a project can make a server fetch.
const maxLibraries = 20

// libraries builds the library blocks of the files. What the lock file knows, see locked, goes into them; a library that
// is not locked is a problem.
func (b *builder) libraries(root *node, lock map[string]LibraryRef) []library {
	list := b.declared(root, lock)
	for _, l := range list {
		entry, ok := lock[l.ref.Name]
		if l.ref.Commit != "" || ok && entry.Commit == "" {
			continue // locked, or reported
		}
		detail := fmt.Sprintf("%s has no entry for library %q", lockPath, l.ref.Name)
		if ok {
			detail = fmt.Sprintf("%s holds library %q as version %q of %q, and not as it stands here", lockPath, l.ref.Name, entry.Version, entry.Source)
		}
		b.ps.add(codeNotLocked, l.at, "Library not locked", `%s. Run "tutti lock", and commit that file.`, detail)
	}
	return list
}

func (b *builder) declared(root *node, lock map[string]LibraryRef) []library {
	var list []library
	for i, n := range root.all("library") {
		if i == maxLibraries {
			b.ps.add(codeTooMany, n.nameAt, "Too many libraries", "There can be %d.", maxLibraries)
			break
		}
		source, sourceAt := b.text(n, "source")
		version, versionAt := b.text(n, "version")
		if sourceAt == nil || versionAt == nil {
			continue // reported
		}
		if problem := sourceProblem(source); problem != "" {
			b.ps.add(codeSource, sourceAt.at, "Invalid source", "%s", problem)
			continue
		}
		if !libraryVersion.MatchString(version) || strings.Contains(version, "..") {
			b.ps.add(codeSource, versionAt.at, "Invalid version", `The version of a library is a tag such as "v2.3.1", or the full hash of a commit.`)
			continue
		}
		l := library{n.nameAt, LibraryRef{Name: n.name, Source: source, Version: version}}
		if entry, ok := lock[n.name]; ok && entry.Source == source && entry.Version == version {
			l.ref = entry
		}
		list = append(list, l)
	}
	return list
}

var (
	libraryVersion = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/+-]{0,99}$`)
	bareSource     = regexp.MustCompile(`^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+(:[0-9]+)?(/[A-Za-z0-9._~-]+)+$`)
	scpSource      = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]*@[A-Za-z0-9][A-Za-z0-9.-]*:[^-:]`)
)

// LibraryURL answers the url of a library's repository: "github.com/acme/lib" is short for its https url.
func LibraryURL(source string) string {
	if bareSource.MatchString(source) {
		return "https://" + source
	}
	return source
}

func sourceProblem(source string) string {
	const forms = `Write a repository such as "github.com/acme/tutti-lib", an https, ssh or file URL, or an absolute path.`
	u, err := url.Parse(source)
	switch {
	case len(source) > 500 || strings.ContainsFunc(source, func(r rune) bool { return r <= ' ' || unsafeRune(r) }):
		return forms
	case strings.HasPrefix(source, "/"), scpSource.MatchString(source), bareSource.MatchString(source):
		return ""
	case strings.HasPrefix(source, "."):
		return "A library is found from anywhere, so its source cannot be a relative path. " + forms
	case err != nil:
		return forms
	}
	_, secret := u.User.Password()
	switch {
	case secret:
		return "A source must not hold a password: everybody can read these files. The server's git has credentials of its own."
	case u.Host == "" && u.Scheme != "file", !slices.Contains([]string{"https", "http", "ssh", "git", "file"}, u.Scheme):
		return forms
	}
	return ""
}

// content finds a library among those that were fetched. It answers nil if it has to be fetched, and false if it is not
// what was locked.
func (l library) content(fetched []Library, ps *problems) (*Library, bool) {
	for i, f := range fetched {
		if f.Name != l.ref.Name || f.Source != l.ref.Source || f.Version != l.ref.Version {
			continue
		}
		const advice = ` If that is meant, run "tutti lock --update" and look at what has changed.`
		switch sum := HashLibrary(f.Files); {
		case f.Commit != l.ref.Commit:
			ps.add(codeLock, l.at, "Library differs from the lock", "%s holds commit %s of library %q, but %s is %s now."+advice,
				lockPath, l.ref.Commit, l.ref.Name, l.ref.Version, f.Commit)
		case sum != l.ref.SHA256:
			ps.add(codeLock, l.at, "Library differs from the lock", "The content of library %q has the SHA-256 %s, but %s holds %s."+advice,
				l.ref.Name, sum, lockPath, l.ref.SHA256)
		default:
			return &fetched[i], true
		}
		return nil, false
	}
	return nil, true
}

// parseLibrary reads the definitions of a library, in a namespace of their own.
func parseLibrary(l *Library, ps *problems) *node {
	definitions := definitionsOf(l)
	before := ps.errors
	if len(definitions) == 0 {
		ps.add(codeEmpty, place{src: newSource(File{Name: l.Source + "@" + l.Version})}, "Empty library",
			"Library %q has no definitions: it has no .hcl file, neither at its root nor in .tutti.", l.Name)
		return nil
	}
	if !checkSizes(definitions, ps) {
		return nil
	}
	var read []parsed
	for _, f := range definitions {
		f.Name = l.Source + "@" + l.Version + "/" + f.Name
		if p, ok := parseFile(newSource(f), ps); ok {
			read = append(read, p)
		}
	}
	if ps.errors > before {
		return nil
	}
	return decodeAll(read, librarySpec(), ps)
}

// librarySpec is what a library may hold.
func librarySpec() *blockSpec {
	spec := &blockSpec{
		Doc: "Top level of a library's file",
		Foreign: map[string]string{
			"library":  "Libraries do not use libraries.",
			"pipeline": "A library holds definitions: activity blocks.",
			"locals":   `Definitions see their inputs and nothing else: write input "name" { default = ... } in the definition.`,
			"variable": `Definitions see their inputs and nothing else: write input "name" { ... } in the definition.`,
			"secret":   `Definitions see their inputs and nothing else: write input "name" { sensitive = true } in the definition.`,
			"registry": "Registries belong to the project that uses the library.",
		},
	}
	for _, b := range language().Blocks {
		if b.Name == "tutti" || b.Name == "activity" {
			spec.Blocks = append(spec.Blocks, b)
		}
	}
	return spec
}

func definitionsOf(l *Library) []File {
	var tree []TreeFile
	for _, f := range l.Files {
		tree = append(tree, TreeFile{Path: f.Name})
	}
	var definitions []File
	for _, name := range LibraryDefinitions(tree) {
		i := slices.IndexFunc(l.Files, func(f File) bool { return f.Name == name })
		definitions = append(definitions, l.Files[i])
	}
	return definitions
}

// LibraryDefinitions picks the files that hold definitions out of those of a library's repository: all *.hcl at its root, or
// if there is none, in .tutti.
func LibraryDefinitions(tree []TreeFile) []string {
	for _, folder := range []string{".", pipelineFolder} {
		var names []string
		for _, f := range tree {
			if path.Dir(f.Path) == folder && strings.HasSuffix(f.Path, ".hcl") && path.Base(f.Path) != LockName && !f.Link {
				names = append(names, f.Path)
			}
		}
		if len(names) > 0 {
			slices.Sort(names)
			return names
		}
	}
	return nil
}

// LibraryScripts lists the files that definitions read with file(): they belong to the library as well.
func LibraryScripts(definitions []File) []string {
	var names []string
	for _, f := range definitions {
		p, ok := parseFile(newSource(f), &problems{}) // mistakes are said when the library is used
		if !ok {
			continue
		}
		_ = hclsyntax.VisitAll(p.body, func(n hclsyntax.Node) hcl.Diagnostics { // the visitor makes no diagnostics of its own
			call, ok := n.(*hclsyntax.FunctionCallExpr)
			if !ok || call.Name != "file" || len(call.Args) != 1 {
				return nil
			}
			if t, ok := call.Args[0].(*hclsyntax.TemplateExpr); ok && t.IsStringLiteral() {
				v, _ := t.Value(nil) // a literal has no diagnostics
				if name := v.AsString(); checkPath(name) == nil {
					names = append(names, name)
				}
			}
			return nil
		})
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// HashLibrary sums a library's files up, names and contents: SHA-256, in hex.
func HashLibrary(files []File) string {
	sorted := slices.Clone(files)
	slices.SortFunc(sorted, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	sum := sha256.New()
	for _, f := range sorted {
		fmt.Fprintf(sum, "%s\x00%d\x00%s", f.Name, len(f.Data), f.Data)
	}
	return hex.EncodeToString(sum.Sum(nil))
}
