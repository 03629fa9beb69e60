// Command tutti runs delivery pipelines: the server, the agent, both in one process, and the tools of authors and
// developers. This package is the only one that wires the others together; it holds the commands, what they print, and
// their exit codes.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// version is set by the linker in a release.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(execute(ctx, os.Args[1:], console{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
}

// A console is where a command reads and writes: the real one, or a test's.
type console struct {
	In       io.Reader
	Out, Err io.Writer
}

// Exit codes. They are part of the interface: scripts and other pipelines depend on them.
const (
	exitOK             = 0
	exitFailed         = 1 // the user's problem: a run that failed, a pipeline with mistakes, a name that does not exist
	exitUsage          = 2 // the command cannot be meant so
	exitInfrastructure = 3 // ours, or the machine's: no server, no Docker, a disk that is full
)

// An exitError ends a command with a code of its own. Err is nil where everything has been said already.
type exitError struct {
	Code int
	Err  error
}

func (e *exitError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("exit code %d", e.Code)
	}
	return e.Err.Error()
}

func (e *exitError) Unwrap() error { return e.Err }

// failed marks an error as the user's to mend.
func failed(err error) error { return &exitError{Code: exitFailed, Err: err} }

// misused marks an error as a wrong use of the command.
func misused(format string, args ...any) error {
	return &exitError{Code: exitUsage, Err: fmt.Errorf(format, args...)}
}

// execute runs one command line and answers its exit code.
func execute(ctx context.Context, args []string, con console) int {
	root, began := newRoot(con)
	root.SetArgs(singleDash(args))
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	var exit *exitError
	switch {
	case errors.As(err, &exit):
		if exit.Err != nil {
			fmt.Fprintf(con.Err, "tutti: %v\n", exit.Err)
		}
		if exit.Code == exitUsage {
			fmt.Fprintf(con.Err, "Run '%s --help' for how to use it.\n", cmd.CommandPath())
		}
		return exit.Code
	case !*began:
		fmt.Fprintf(con.Err, "tutti: %v\nRun '%s --help' for how to use it.\n", err, cmd.CommandPath())
		return exitUsage
	}
	fmt.Fprintf(con.Err, "tutti: %v\n", err)
	return codeOf(err)
}

// newRoot makes the tree of commands. The flag that it answers turns true once a command's own code has begun: an error
// before that is one of usage.
func newRoot(con console) (*cobra.Command, *bool) {
	began := false
	root := &cobra.Command{
		Use:   "tutti",
		Short: "Tutti runs delivery pipelines",
		Long: `Tutti runs delivery pipelines: written in HCL in .tutti/, compiled by a small server, run by agents in containers, watched live.

  tutti run                   run the pipeline of this folder here and now
  tutti validate              find every mistake before a push
  tutti up                    a server and an agent in one process`,
		Version:       version,
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if err := flagsFromEnvironment(cmd.Flags()); err != nil {
				return err
			}
			began = true
			return nil
		},
	}
	root.SetIn(con.In)
	root.SetOut(con.Out)
	root.SetErr(con.Err)
	root.AddGroup(
		&cobra.Group{ID: "author", Title: "For authors of pipelines:"},
		&cobra.Group{ID: "client", Title: "For developers, against a server:"},
		&cobra.Group{ID: "host", Title: "For admins:"},
	)
	add := func(group string, commands ...*cobra.Command) {
		for _, c := range commands {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	add("author", runCommand(con), validateCommand(con), planCommand(con), fmtCommand(con), lockCommand(con), explainCommand(con), consoleCommand(con), lspCommand(con))
	add("client", triggerCommand(con), pushCommand(con), runsCommand(con), watchCommand(con), logsCommand(con),
		approveCommand(con), rejectCommand(con), cancelCommand(con), variableCommand(con), secretCommand(con))
	add("host", upCommand(con), serverCommand(con), agentCommand(con), projectsCommand(con), agentsCommand(con), loginLinkCommand(con))
	root.AddCommand(compileCommand(con))
	return root, &began
}
