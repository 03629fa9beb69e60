package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/tutti-ci/tutti/dsl"
	"github.com/tutti-ci/tutti/dsl/layout"
)

// maxFormatted bounds what is read of one file. It is far above what the language allows.
const maxFormatted = 8 << 20

// formatting is one call of "tutti fmt".
type formatting struct{ check, diff bool }

func fmtCommand(con console) *cobra.Command {
	var f formatting
	cmd := &cobra.Command{
		Use:   "fmt [PATH...]",
		Short: "Lay pipeline files out: blanks and indentation, and nothing else",
		Long: `Formats the pipeline files in PATH/.tutti (by default of this folder), or the files that are named, and prints the
names of those that it changed. "-" formats the standard input to the standard output.

Scripts, comments, lines and line endings stay as they are, and the files mean what they meant. A file with mistakes of
syntax is reported and left alone. Exit code 1 if there is one, or with --check if a file is not laid out so.`,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = []string{"."}
			}
			if slices.Contains(args, "-") {
				if len(args) > 1 {
					return misused(`"-" is the standard input, and excludes other files`)
				}
				return f.stream(con)
			}
			return f.files(con, args)
		},
	}
	cmd.Flags().BoolVar(&f.check, "check", false, "change nothing; exit code 1 if something would change")
	cmd.Flags().BoolVar(&f.diff, "diff", false, "change nothing; print what would change")
	return cmd
}

// singleDash takes the flags of "tutti fmt" also with one dash, as other formatters do.
func singleDash(args []string) []string {
	if len(args) == 0 || args[0] != "fmt" {
		return args
	}
	args = slices.Clone(args)
	for i, a := range args {
		if a == "-check" || a == "-diff" {
			args[i] = "-" + a
		}
	}
	return args
}

func (f formatting) stream(con console) error {
	data, err := io.ReadAll(io.LimitReader(con.In, maxFormatted))
	if err != nil {
		return fmt.Errorf("reading the standard input: %w", err)
	}
	made, ok := f.layout(con, "standard input", data)
	if !ok {
		return &exitError{Code: exitFailed}
	}
	if f.diff {
		fmt.Fprint(con.Out, layout.Diff("standard input", data, made))
	} else if !f.check {
		if _, err := con.Out.Write(made); err != nil {
			return fmt.Errorf("writing the standard output: %w", err)
		}
	}
	if f.check && !bytes.Equal(data, made) {
		return &exitError{Code: exitFailed}
	}
	return nil
}

// layout formats one text, or says what is wrong with it.
func (f formatting) layout(con console, name string, data []byte) (made []byte, ok bool) {
	made, problems := layout.Format(dsl.File{Name: name, Data: data})
	dsl.Format(con.Err, problems, isTerminal(con.Err))
	return made, len(problems) == 0
}

// files formats what the paths name. A file that cannot be formatted does not keep others from it.
func (f formatting) files(con console, paths []string) error {
	failures := false
	for _, path := range paths {
		files, err := pipelinePaths(path)
		if err != nil {
			return err
		}
		for _, file := range files {
			ok, err := f.file(con, file)
			if err != nil {
				return err
			}
			failures = failures || !ok
		}
	}
	if failures {
		return &exitError{Code: exitFailed}
	}
	return nil
}

// file formats one file, and answers whether it is as it should be.
func (f formatting) file(con console, path string) (ok bool, err error) {
	read, err := readPipeline(path, path)
	if err != nil {
		var exit *exitError
		if errors.As(err, &exit) && exit.Code == exitFailed {
			fmt.Fprintf(con.Err, "tutti: %v\n", err)
			return false, nil
		}
		return false, err
	}
	made, ok := f.layout(con, path, read.Data)
	if !ok || bytes.Equal(read.Data, made) {
		return ok, nil
	}
	switch {
	case f.diff:
		fmt.Fprint(con.Out, layout.Diff(path, read.Data, made))
	case f.check:
		fmt.Fprintln(con.Out, path)
	default:
		if err := replaceFile(path, made); err != nil {
			return false, err
		}
		fmt.Fprintln(con.Out, path)
	}
	return !f.check, nil
}

// replaceFile gives a file a new content at once, so that nobody ever sees half of it. A file that exists keeps its mode.
func replaceFile(path string, data []byte) (err error) {
	mode := fs.FileMode(0o644)
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
	}
	temp, err := os.CreateTemp(filepath.Dir(path), ".tutti-*")
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	_, err = temp.Write(data)
	err = errors.Join(err, temp.Chmod(mode), temp.Sync(), temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("writing %s: %w", path, err), os.Remove(temp.Name()))
	}
	return nil
}
