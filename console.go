package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tutti-ci/tutti/dsl"
)

// trying is one call of "tutti console".
type trying struct {
	event         eventFlags
	pipeline, job string
	json          bool
}

func consoleCommand(con console) *cobra.Command {
	var t trying
	cmd := &cobra.Command{
		Use:   "console [EXPRESSION]",
		Short: "Try an expression against an event",
		Long: `Evaluates an expression of the pipeline language as if it stood in the pipelines of this folder, and prints its value
and its type: or from when on it has one, if jobs have to run first. Without EXPRESSION it reads one a line.

The event is described as for "tutti plan". With --pipeline (not needed if there is only one) the expression sees that
pipeline's inputs and jobs, with --job also the matrix and the activities of the job.`,
		Example: `  tutti console 'matches("release/*", event.branch)' --branch release/1.4
  echo 'upper(local.region)' | tutti console --var region=eu`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return t.run(cmd.Context(), con, args) },
	}
	t.event.register(cmd)
	cmd.Flags().StringVar(&t.pipeline, "pipeline", "", "the pipeline that the expression stands in")
	cmd.Flags().StringVar(&t.job, "job", "", "the job of it that the expression stands in")
	cmd.Flags().BoolVar(&t.json, "json", false, "print values as JSON, and nothing else")
	return cmd
}

func (t trying) run(ctx context.Context, con console, args []string) (err error) {
	req, err := t.event.request(ctx, ".", time.Now())
	if err != nil {
		return err
	}
	if req.Pipeline, err = t.standsIn(con, req); err != nil {
		return err
	}
	tree := &localTree{dir: aboveFolder(".")}
	defer func() { err = errors.Join(err, tree.close()) }()
	try := func(expression string) (bool, error) {
		made, err := evaluateLocal(ctx, tree, &req, t.job, expression)
		if err != nil {
			return false, err
		}
		return t.print(con, made), nil
	}
	if len(args) > 0 {
		ok, err := try(args[0])
		if err == nil && !ok {
			err = &exitError{Code: exitFailed}
		}
		return err
	}
	return t.lines(con, try)
}

// standsIn answers the pipeline to evaluate in: the one that is named, or the only one. Mistakes of the files are reported.
func (t trying) standsIn(con console, req dsl.Request) (string, error) {
	config, problems := dsl.Parse(req.Files)
	if config == nil {
		dsl.Format(con.Err, problems, isTerminal(con.Err))
		return "", &exitError{Code: exitFailed}
	}
	switch all := config.Pipelines(); {
	case t.pipeline == "" && len(all) == 1:
		return all[0].Name, nil
	case t.pipeline == "" && (t.job != "" || len(req.Inputs) > 0):
		return "", misused("there are several pipelines, so --job and --input need --pipeline")
	}
	return t.pipeline, nil
}

// lines evaluates what comes, a line at a time, to its end.
func (t trying) lines(con console, try func(expression string) (bool, error)) error {
	person := isTerminal(con.In) && isTerminal(con.Out)
	prompt := func() {
		if person {
			fmt.Fprint(con.Out, "> ")
		}
	}
	if person {
		fmt.Fprintln(con.Out, "An expression a line; Ctrl-D ends.")
	}
	all := true
	in := bufio.NewScanner(con.In)
	in.Buffer(nil, maxExpression)
	for prompt(); in.Scan(); prompt() {
		text := strings.TrimSpace(in.Text())
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		ok, err := try(text)
		if err != nil {
			return err
		}
		all = all && ok
	}
	if err := in.Err(); err != nil {
		return fmt.Errorf("reading expressions: %w", err)
	}
	if person {
		fmt.Fprintln(con.Out)
	} else if !all {
		return &exitError{Code: exitFailed}
	}
	return nil
}

// maxExpression bounds one line.
const maxExpression = 64 << 10

// print shows what became of an expression, and answers whether it is right.
func (t trying) print(con console, made dsl.Evaluation) bool {
	dsl.Format(con.Err, made.Problems, isTerminal(con.Err))
	switch {
	case hasErrors(made.Problems):
		return false
	case t.json && made.Value == nil:
		fmt.Fprintln(con.Out, "null")
		fmt.Fprintf(con.Err, "tutti: %s\n", made)
	case t.json:
		fmt.Fprintf(con.Out, "%s\n", made.Value)
	default:
		fmt.Fprintln(con.Out, made)
	}
	return true
}

// evaluateLocal evaluates with the working tree in place of a commit. What it had to find out for that stays in the request.
func evaluateLocal(ctx context.Context, tree *localTree, req *dsl.Request, job, expression string) (dsl.Evaluation, error) {
	for range maxLocalRounds {
		made := dsl.Evaluate(*req, job, expression)
		if made.Wants == nil {
			return made, nil
		}
		libraries, err := localLibraries(ctx, made.Wants.Libraries)
		if err != nil {
			return dsl.Evaluation{}, err
		}
		req.Libraries = append(req.Libraries, libraries...)
		if err := tree.supply(ctx, req, *made.Wants); err != nil {
			return dsl.Evaluation{}, err
		}
	}
	return dsl.Evaluation{}, fmt.Errorf("evaluating an expression: the compiler still wants something after %d rounds", maxLocalRounds)
}
