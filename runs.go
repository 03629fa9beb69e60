package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/api/client"
)

func triggerCommand(con console) *cobra.Command {
	var flags clientFlags
	var ref string
	var inputs []string
	var wait bool
	cmd := &cobra.Command{
		Use:   "trigger PROJECT [PIPELINE]",
		Short: "Start a pipeline by hand",
		Args:  cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			values, err := parseInputs(inputs)
			if err != nil {
				return err
			}
			req := client.StartRequest{Ref: ref, Inputs: values}
			if len(args) == 2 {
				req.Pipeline = args[1]
			}
			c := patient(con, flags.client())
			run, err := c.Start(cmd.Context(), args[0], req)
			if err != nil {
				return err
			}
			if wait {
				return watch(cmd.Context(), con, c, run.ID, watchOptions{JSON: flags.json, Page: true})
			}
			if flags.json {
				return printJSON(con.Out, run)
			}
			if run.State == plan.Done { // it could not even begin
				summarise(con.Out, run, pageOf(flags.server, run.ID), isTerminal(con.Out))
				return unlessGood(run)
			}
			fmt.Fprintf(con.Out, "run %d of %s\n%s\n", run.ID, run.Pipeline, pageOf(flags.server, run.ID))
			if run.WaitsFor != "" {
				fmt.Fprintf(con.Out, "waits for %s\n", run.WaitsFor)
			}
			return nil
		},
	}
	flags.register(cmd)
	cmd.Flags().StringVar(&ref, "ref", "", "branch, tag or commit; by default the project's default branch")
	cmd.Flags().StringArrayVar(&inputs, "input", nil, "an input of the pipeline, as NAME=VALUE; may be repeated")
	cmd.Flags().BoolVarP(&wait, "watch", "w", false, "follow the run until it is done, and end with its exit code")
	return cmd
}

// parseInputs reads NAME=VALUE pairs.
func parseInputs(pairs []string) (map[string]string, error) {
	inputs := map[string]string{}
	for _, pair := range pairs {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			return nil, misused("--input %q is not of the form NAME=VALUE", pair)
		}
		inputs[name] = value
	}
	return inputs, nil
}

func pushCommand(con console) *cobra.Command {
	var flags clientFlags
	cmd := &cobra.Command{
		Use:   "push PROJECT",
		Short: "Tell the server that something was pushed to a project (for a post-receive hook)",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			runs, err := flags.client().Push(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if flags.json {
				return printJSON(con.Out, map[string]any{"runs": orEmpty(runs)})
			}
			for _, run := range runs {
				fmt.Fprintf(con.Out, "run %d of %s: %s\n", run.ID, strings.TrimSpace(run.Project+" "+run.Pipeline), pageOf(flags.server, run.ID))
			}
			return nil
		},
	}
	flags.register(cmd)
	return cmd
}

func runsCommand(con console) *cobra.Command {
	var flags clientFlags
	var project string
	var limit int
	cmd := &cobra.Command{
		Use:   "runs",
		Short: "List runs, the newest first",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c := flags.client()
			runs, err := c.Runs(cmd.Context(), project, limit)
			if err != nil {
				return err
			}
			printTroubles(cmd.Context(), con, c)
			if flags.json {
				return printJSON(con.Out, map[string]any{"runs": orEmpty(runs)})
			}
			rows := [][]string{{"RUN", "PROJECT", "PIPELINE", "STATE", "EVENT", "COMMIT", "TOOK", "TITLE"}}
			for _, r := range runs {
				state := string(r.State)
				switch {
				case r.State == plan.Done:
					state = string(r.Result)
				case r.WaitsFor != "":
					state += " for " + r.WaitsFor
				}
				rows = append(rows, []string{strconv.FormatInt(int64(r.ID), 10), r.Project, r.Pipeline, state,
					strings.TrimSpace(r.Event.Kind + " " + r.Event.Branch + r.Event.Tag), abbreviated(r.Event.Commit), took(&r.CreatedAt, r.FinishedAt), r.Event.Title})
			}
			return printTable(con.Out, rows)
		},
	}
	flags.register(cmd)
	cmd.Flags().StringVar(&project, "project", "", "only runs of this project")
	cmd.Flags().IntVar(&limit, "limit", 20, "how many")
	return cmd
}

func abbreviated(commit string) string { return commit[:min(len(commit), 9)] }

func watchCommand(con console) *cobra.Command {
	var flags clientFlags
	cmd := &cobra.Command{
		Use:   "watch RUN",
		Short: "Follow a run until it is done, and end with its exit code",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := parseRunID(args[0])
			if err != nil {
				return err
			}
			return watch(cmd.Context(), con, patient(con, flags.client()), id, watchOptions{JSON: flags.json, Page: true})
		},
	}
	flags.register(cmd)
	return cmd
}

// watchOptions say how a run is shown.
type watchOptions struct {
	JSON bool // the finished run, as JSON, is all that is printed
	Page bool // name the run's page, which will still be there afterwards
	// Answers decides the run's approvals; nil leaves them to others.
	Answers *answers
}

// watch shows a run to its end and answers the error that carries its exit code.
func watch(ctx context.Context, con console, c *client.Client, id server.RunID, opts watchOptions) error {
	var run server.Run
	var err error
	page := ""
	if opts.Page {
		page = pageOf(c.Server, id)
	}
	if opts.JSON {
		if run, err = opts.Answers.follow(ctx, c, id, newPlainView(io.Discard)); err == nil {
			err = printJSON(con.Out, run)
		}
	} else if run, err = show(ctx, con, c, id, opts.Answers); err == nil {
		summarise(con.Out, run, page, isTerminal(con.Out))
	}
	if err != nil {
		return err
	}
	return unlessGood(run)
}

// patient makes a client say when it waits for a server that is away.
func patient(con console, c *client.Client) *client.Client {
	c.Waiting = func(err error) { fmt.Fprintf(con.Err, "tutti: %v; trying again\n", err) }
	return c
}

// unlessGood answers the error that carries the exit code of a run that did not pass.
func unlessGood(run server.Run) error {
	if code := codeOfRun(run); code != exitOK {
		return &exitError{Code: code}
	}
	return nil
}

func logsCommand(con console) *cobra.Command {
	var flags clientFlags
	var opts logOptions
	cmd := &cobra.Command{
		Use:   "logs RUN [JOB[/ACTIVITY]]",
		Short: "Print the logs of a run, of one of its jobs, or of one activity",
		Long: `Prints logs byte for byte. The log of one activity comes alone; those of several each follow a line that names them.
Of a job that was lost and begun anew, the last attempt is printed, or the one that --attempt names.
With --json each log is a JSON object on a line of its own, with its text as far as it is UTF-8.`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := parseRunID(args[0])
			if err != nil {
				return err
			}
			if len(args) == 2 {
				opts.What = args[1]
			}
			if opts.Attempt < 0 || opts.Attempt > 0 && opts.What == "" {
				return misused("--attempt takes the number of an attempt at a JOB, from 1")
			}
			opts.JSON = flags.json
			return printLogs(cmd.Context(), con, patient(con, flags.client()), id, opts)
		},
	}
	flags.register(cmd)
	cmd.Flags().BoolVarP(&opts.Follow, "follow", "f", false, "go on until what is printed is done")
	cmd.Flags().IntVar(&opts.Attempt, "attempt", 0, "which attempt at the job, from 1; by default the last one")
	return cmd
}

func parseRunID(text string) (server.RunID, error) {
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id < 1 {
		return 0, misused("%q is not the number of a run", text)
	}
	return server.RunID(id), nil
}

func cancelCommand(con console) *cobra.Command {
	var flags clientFlags
	cmd := &cobra.Command{
		Use:   "cancel RUN",
		Short: "End a run; once more ends it at once",
		Long:  `Ends a run. What has run_on = "always" still runs, for at most 10 minutes; canceled once more, the run ends without it.`,
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := parseRunID(args[0])
			if err != nil {
				return err
			}
			run, err := flags.client().Cancel(cmd.Context(), id)
			if err != nil {
				return err
			}
			if flags.json {
				return printJSON(con.Out, run)
			}
			text := "is being canceled; what has run_on = \"always\" still runs, unless the run was canceled twice"
			if run.State == plan.Done {
				text = "is canceled"
			}
			fmt.Fprintf(con.Out, "run %d %s\n", id, text)
			return nil
		},
	}
	flags.register(cmd)
	return cmd
}
