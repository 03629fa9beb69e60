package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/tutti-ci/tutti/dsl"
	"github.com/tutti-ci/tutti/dsl/caged"
)

// compileCommand is what a server starts as its child, to compile what others wrote.
func compileCommand(con console) *cobra.Command {
	return &cobra.Command{
		Use:    "compile",
		Short:  "Compile pipelines for a server, as its child process",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE:   func(*cobra.Command, []string) error { return caged.Serve(con.In, con.Out) },
	}
}

// newCompiler answers the compiler that a server should use: a child process, which whoever can push a branch may kill
// without harm, or this process, if the pipelines are those of whoever started it.
func newCompiler(ctx context.Context, inProcess bool, log *slog.Logger) (compiler, error) {
	if inProcess {
		return &direct{}, nil
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this program, which compiles in a child process: %w", err)
	}
	c := &caged.Compiler{Command: []string{self, "compile"}, Log: log}
	if err := c.Warm(ctx); err != nil { // the first push need not wait for it
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// direct compiles in this process.
type direct struct{ compiler dsl.Compiler }

func (d *direct) Compile(_ context.Context, req dsl.Request) (dsl.Response, error) {
	return d.compiler.Compile(req), nil
}

func (*direct) Close() error { return nil }
