package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/tutti-ci/tutti/dsl"
	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/trigger"
)

// lockFlags are those of "tutti lock".
type lockFlags struct{ check, update bool }

func lockCommand(con console) *cobra.Command {
	var flags lockFlags
	cmd := &cobra.Command{
		Use:   "lock [PATH]",
		Short: "Pin the libraries that pipelines use, by commit and content",
		Long: `Fetches the libraries that PATH/.tutti (by default of this folder) declares, and writes which commit and what content each
version is into ` + pipelineDir + `/` + dsl.LockName + `. Commit that file: nothing but what it names ever runs.

A tag that was moved since it was locked is refused; --update takes what it is now. --check writes nothing, and fails if the
file is not what it should be. What was fetched once is kept on this machine, so that all works without a network as well.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return flags.lock(cmd.Context(), con, pathOf(args))
		},
	}
	cmd.Flags().BoolVar(&flags.check, "check", false, "only say whether the lock file is up to date")
	cmd.Flags().BoolVar(&flags.update, "update", false, "take tags that were moved as they are now")
	return cmd
}

func (f lockFlags) lock(ctx context.Context, con console, path string) error {
	if f.check && f.update {
		return misused("--check and --update exclude each other: one writes nothing")
	}
	tree := aboveFolder(path)
	files, err := readPipelines(tree)
	if err != nil {
		return err
	}
	declared, problems := dsl.DeclaredLibraries(files)
	if len(problems) > 0 {
		return errors.Join(&exitError{Code: exitFailed}, dsl.Format(con.Err, problems, isTerminal(con.Err)))
	}
	cache, err := openLibraryCache()
	if err != nil {
		return err
	}
	var locked []dsl.LibraryRef
	var news []string
	var errs []error
	for _, ref := range declared {
		now, note, err := f.lockOne(ctx, cache, ref)
		errs = append(errs, err)
		locked, news = append(locked, now), append(news, note)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return f.finish(con, filepath.Join(tree, pipelineDir, dsl.LockName), files, locked, news)
}

// lockOne answers the entry of a library, and what is new about it.
func (f lockFlags) lockOne(ctx context.Context, from trigger.Libraries, ref dsl.LibraryRef) (now dsl.LibraryRef, note string, err error) {
	now = ref
	note = "is new"
	if ref.Commit != "" {
		note = "is as it was"
		commit, err := f.tagNow(ctx, from, ref)
		switch {
		case err != nil:
			return ref, "", err
		case commit != ref.Commit && !f.update:
			return ref, "", failed(fmt.Errorf("library %q: the tag %s was moved. It was commit %s when it was locked, and is %s now. "+
				"Look at what has changed; if you trust it, run \"tutti lock --update\"", ref.Name, ref.Version, ref.Commit, commit))
		case commit != ref.Commit:
			note = "was moved"
		}
		now.Commit = commit
	}
	l, err := trigger.FetchLibrary(ctx, from, now)
	if err != nil {
		return ref, "", err
	}
	if ref.SHA256 != "" && now.Commit == ref.Commit && l.SHA256 != ref.SHA256 {
		if !f.update {
			return ref, "", failed(fmt.Errorf("library %q: the content of commit %s has the SHA-256 %s, but the lock file holds %s. "+
				"If the lock file is wrong, run \"tutti lock --update\"", ref.Name, l.Commit, l.SHA256, ref.SHA256))
		}
		note = "was wrong"
	}
	now.Commit, now.SHA256 = l.Commit, l.SHA256
	return now, note, nil
}

// tagNow asks which commit a version is now. Without an answer it is what it was: the lock file is there so that nobody has to
// ask. A check never asks, so that it says the same tomorrow.
func (f lockFlags) tagNow(ctx context.Context, from trigger.Libraries, ref dsl.LibraryRef) (string, error) {
	if f.check {
		return ref.Commit, nil
	}
	commit, err := from.Commit(ctx, dsl.LibraryURL(ref.Source), ref.Version)
	if server.KindOf(err) == server.Unavailable && !f.update {
		return ref.Commit, nil
	}
	if err != nil {
		return "", &trigger.LibraryError{Ref: ref, Err: err}
	}
	return commit, nil
}

// finish writes the file, or says that it should be written.
func (f lockFlags) finish(con console, path string, files []dsl.File, locked []dsl.LibraryRef, news []string) error {
	old, there := lockOf(files)
	wanted := dsl.WriteLock(locked)
	if len(locked) == 0 {
		wanted = nil
	}
	same := bytes.Equal(old, wanted) && there == (wanted != nil)
	switch {
	case f.check && !same:
		return failed(fmt.Errorf("%s is not up to date; run \"tutti lock\" and commit it", path))
	case same:
	case wanted == nil:
		if err := os.Remove(path); err != nil {
			return fmt.Errorf("removing lock file: %w", err)
		}
	default:
		if err := replaceFile(path, wanted); err != nil {
			return err
		}
	}
	for i, l := range locked {
		fmt.Fprintf(con.Out, "%s %s %s %.12s\n", l.Name, l.Version, news[i], l.Commit)
	}
	if len(locked) == 0 {
		fmt.Fprintln(con.Out, "no libraries are declared")
	}
	return nil
}

func lockOf(files []dsl.File) (data []byte, ok bool) {
	i := slices.IndexFunc(files, func(f dsl.File) bool { return filepath.Base(f.Name) == dsl.LockName })
	if i < 0 {
		return nil, false
	}
	return files[i].Data, true
}
