package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/tutti-ci/tutti/dsl"
	"github.com/tutti-ci/tutti/dsl/lsp"
	"github.com/tutti-ci/tutti/dsl/plan"
)

func lspCommand(con console) *cobra.Command {
	return &cobra.Command{
		Use:   "lsp",
		Short: "Help an editor with pipeline files, as its language server",
		Long: `Speaks the Language Server Protocol over the standard input and output, for an editor that starts it: mistakes while
you type, completion, what a word means, where it is declared, and formatting. It looks at the files of .tutti folders.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if isTerminal(con.Out) {
				return misused("an editor starts this command, and talks to it; there is nothing to see at a terminal")
			}
			in, err := interruptible(con.In)
			if err != nil {
				return err
			}
			checkup := newCheckup() // used by the goroutine that checks
			check := func(ctx context.Context, _ string, files []dsl.File) []plan.Problem { return checkup.check(ctx, files) }
			server := &lsp.Server{Read: readPipelineDir, Check: check, Explain: explainForEditor, Link: linkOf, Version: version}
			if err := server.Serve(cmd.Context(), in, con.Out); errors.Is(err, lsp.ErrNoGoodbye) {
				return failed(err) // as the protocol wants it
			} else if err != nil {
				return fmt.Errorf("talking to the editor: %w", err)
			}
			return nil
		},
	}
}

// explainForEditor answers the page about a code.
func explainForEditor(code string) (string, bool) {
	p, ok := codePage(code)
	return p.Markdown, ok
}

// linkOf answers where a code is explained on the web.
func linkOf(code string) string {
	p, ok := codePage(code)
	if !ok {
		return ""
	}
	return "https://github.com/tutti-ci/tutti/blob/main/dsl/CODES.md#" + p.Anchor
}

func codePage(code string) (dsl.CodePage, bool) {
	for _, p := range dsl.CodePages() {
		if p.Code == code {
			return p, true
		}
	}
	return dsl.CodePage{}, false
}

// interruptible makes a stream whose Close ends a read, so that a signal ends the command at once. The standard input is not
// like that by itself.
func interruptible(in io.Reader) (io.ReadCloser, error) {
	file, ok := in.(*os.File)
	if !ok {
		if closer, ok := in.(io.ReadCloser); ok {
			return closer, nil
		}
		return io.NopCloser(in), nil
	}
	fd, err := syscall.Dup(int(file.Fd()))
	if err != nil {
		return nil, fmt.Errorf("opening the standard input: %w", err)
	}
	if err := syscall.SetNonblock(fd, true); err != nil {
		return nil, fmt.Errorf("opening the standard input: %w", err)
	}
	return os.NewFile(uintptr(fd), file.Name()), nil
}
