package trigger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tutti-ci/tutti/dsl"
	"github.com/tutti-ci/tutti/server"
)

// Libraries reads the repositories of libraries.
type Libraries interface {
	// Commit asks a repository which commit a tag, or a full hash, is now.
	Commit(ctx context.Context, url, version string) (string, error)
	// Tree and Contents read a commit as those of Commits do, without the repository if it was read before.
	Tree(ctx context.Context, url, commit string) ([]server.TreeFile, error)
	Contents(ctx context.Context, url, commit string, paths []string, limit int64) (map[string][]byte, error)
}

// Limits of one library.
const (
	maxLibraryFiles = 200
	maxLibraryBytes = 4 << 20
)

// A LibraryError is why a library cannot be had.
type LibraryError struct {
	Ref dsl.LibraryRef
	Err error
}

func (e *LibraryError) Error() string {
	return fmt.Sprintf("library %q, version %s: %v", e.Ref.Name, e.Ref.Version, e.Err)
}

func (e *LibraryError) Unwrap() error { return e.Err }

// FetchLibrary reads a library: at the commit that is locked, or if there is none, at the one that its version is now. Only what
// belongs to it is read: its definitions, and the files that these name.
func FetchLibrary(ctx context.Context, from Libraries, ref dsl.LibraryRef) (dsl.Library, error) {
	l := dsl.Library{Name: ref.Name, Source: ref.Source, Version: ref.Version, Commit: ref.Commit}
	err := fetchLibrary(ctx, from, &l)
	if err != nil {
		return dsl.Library{}, &LibraryError{ref, err}
	}
	l.SHA256 = dsl.HashLibrary(l.Files)
	return l, nil
}

func fetchLibrary(ctx context.Context, from Libraries, l *dsl.Library) (err error) {
	url := dsl.LibraryURL(l.Source)
	if l.Commit == "" {
		if l.Commit, err = from.Commit(ctx, url, l.Version); err != nil {
			return err
		}
	}
	files, err := from.Tree(ctx, url, l.Commit)
	if err != nil {
		return err
	}
	tree := make([]dsl.TreeFile, len(files))
	for i, f := range files {
		tree[i] = dsl.TreeFile{Path: f.Path, Hash: f.Hash, Link: f.Link}
	}
	if err := readInto(ctx, from, l, url, dsl.LibraryDefinitions(tree)); err != nil {
		return err
	}
	if len(l.Files) == 0 {
		return server.Errorf(server.Invalid, "the repository %s holds no definitions: it has no .hcl file, neither at its root nor in .tutti", server.RedactURL(url))
	}
	return readInto(ctx, from, l, url, dsl.LibraryScripts(l.Files))
}

// readInto adds files to a library. One that is missing is a mistake in the library, which the compiler finds.
func readInto(ctx context.Context, from Libraries, l *dsl.Library, url string, paths []string) error {
	if len(l.Files)+len(paths) > maxLibraryFiles {
		return server.Errorf(server.Invalid, "it has more than %d files", maxLibraryFiles)
	}
	read, err := from.Contents(ctx, url, l.Commit, paths, dsl.MaxContent)
	if err != nil {
		return err
	}
	for _, name := range paths {
		known := slices.ContainsFunc(l.Files, func(f dsl.File) bool { return f.Name == name })
		if data, ok := read[name]; ok && !known {
			l.Files = append(l.Files, dsl.File{Name: name, Data: data})
		}
	}
	total := 0
	for _, f := range l.Files {
		if total += len(f.Data); total > maxLibraryBytes {
			return server.Errorf(server.Invalid, "its files have more than %d KiB", maxLibraryBytes>>10)
		}
	}
	return nil
}

// libraryTimeout bounds the fetching of one library.
const libraryTimeout = time.Minute

// library fetches one that pipelines want.
func (t *Trigger) library(ctx context.Context, ref dsl.LibraryRef) (dsl.Library, error) {
	limited, cancel := context.WithTimeout(ctx, libraryTimeout)
	defer cancel()
	l, err := FetchLibrary(limited, t.Libraries, ref)
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		late := &server.Error{Kind: server.Unavailable, Message: "its repository did not answer within " + libraryTimeout.String(), Err: err}
		return l, &LibraryError{ref, late}
	}
	return l, err
}

// sentence words an error for people: without the cause of a server.Error, which is for the log.
func sentence(err error) string {
	text := err.Error()
	var e *server.Error
	var l *LibraryError
	switch {
	case errors.As(err, &l) && errors.As(err, &e):
		text = (&LibraryError{l.Ref, errors.New(e.Message)}).Error()
	case errors.As(err, &e):
		text = e.Message
	}
	return strings.ToUpper(text[:1]) + text[1:] + "."
}
