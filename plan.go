package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tutti-ci/tutti/dsl"
	"github.com/tutti-ci/tutti/dsl/plan"
)

// planFlags say for what event a plan is made.
type planFlags struct {
	event, branch, tag, pipeline string
	inputs                       []string
	json                         bool
}

func planCommand(con console) *cobra.Command {
	var flags planFlags
	cmd := &cobra.Command{
		Use:   "plan [PATH]",
		Short: "Show what an event would start, and with what",
		Long: `Compiles the pipelines in PATH/.tutti (by default of this folder) for an event, as a server would, and shows what would
run, or why nothing would. The commit is the one that is checked out.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			files, err := readPipelines(pathOf(args))
			if err != nil {
				return err
			}
			event, err := flags.eventFor(cmd, pathOf(args))
			if err != nil {
				return err
			}
			inputs, err := parseInputs(flags.inputs)
			if err != nil {
				return err
			}
			return flags.print(con, files, event, inputs)
		},
	}
	cmd.Flags().StringVar(&flags.event, "event", "push", `what starts the run: "push" or "manual"`)
	cmd.Flags().StringVar(&flags.branch, "branch", "", "branch of the event; by default the one that is checked out, or main")
	cmd.Flags().StringVar(&flags.tag, "tag", "", "tag of the event, in place of a branch")
	cmd.Flags().StringVar(&flags.pipeline, "pipeline", "", "only this pipeline")
	cmd.Flags().StringArrayVar(&flags.inputs, "input", nil, "an input of the pipeline, as NAME=VALUE; may be repeated")
	cmd.Flags().BoolVar(&flags.json, "json", false, "print the plans as JSON")
	return cmd
}

// eventFor makes the event up that the flags describe.
func (f *planFlags) eventFor(cmd *cobra.Command, path string) (dsl.Event, error) {
	if f.event != "push" && f.event != "manual" {
		return dsl.Event{}, misused(`--event %q is not one of "push" and "manual"`, f.event)
	}
	if f.branch != "" && f.tag != "" {
		return dsl.Event{}, misused("--branch and --tag exclude each other: an event is about one of them")
	}
	ev := dsl.Event{Kind: f.event, Branch: f.branch, Tag: f.tag, Commit: strings.Repeat("0", 40)}
	ctx := cmd.Context()
	if commit, err := runGit(ctx, nil, "-C", path, "rev-parse", "--verify", "--quiet", "HEAD"); err == nil {
		ev.Commit = commit
	}
	if ev.Branch == "" && ev.Tag == "" {
		ev.Branch = "main"
		if branch, err := runGit(ctx, nil, "-C", path, "symbolic-ref", "--quiet", "--short", "HEAD"); err == nil {
			ev.Branch = branch
		}
	}
	ev.Ref = "refs/heads/" + ev.Branch
	if ev.Tag != "" {
		ev.Ref = "refs/tags/" + ev.Tag
	}
	return ev, nil
}

func (f *planFlags) print(con console, files []dsl.File, ev dsl.Event, inputs map[string]string) error {
	resp := dsl.Compile(dsl.Request{Files: files, Event: ev, Pipeline: f.pipeline, Inputs: inputs})
	dsl.Format(con.Err, resp.Problems, isTerminal(con.Err))
	if hasErrors(resp.Problems) {
		return &exitError{Code: exitFailed}
	}
	if f.json {
		return printJSON(con.Out, map[string]any{"matches": orEmpty(resp.Matches), "plans": orEmpty(resp.Plans)})
	}
	for _, m := range resp.Matches {
		if !m.Starts {
			fmt.Fprintf(con.Out, "pipeline %s would not run: %s\n", m.Pipeline, m.Reason)
		}
	}
	for _, p := range resp.Plans {
		describe(con.Out, p)
	}
	return nil
}

// describe prints a plan for a person.
func describe(out io.Writer, p *plan.Plan) {
	fmt.Fprintf(out, "pipeline %s\n", p.Pipeline)
	for _, j := range p.Jobs {
		fmt.Fprintf(out, "  job %s", j.Name)
		if len(j.Needs) > 0 {
			fmt.Fprintf(out, ", after %s", strings.Join(j.Needs, ", "))
		}
		if len(j.Labels) > 0 {
			fmt.Fprintf(out, ", on an agent with %s", strings.Join(j.Labels, " "))
		}
		fmt.Fprintf(out, ", at most %s\n", j.Timeout)
		for _, a := range j.Activities {
			fmt.Fprintf(out, "    %s in %s: %s\n", a.Name, a.Image, doing(a))
		}
	}
}

// doing says in one line what an activity does.
func doing(a plan.Activity) string {
	if len(a.Command) > 0 {
		words, err := json.Marshal(a.Command)
		if err != nil {
			return strings.Join(a.Command, " ") // strings always have a JSON form
		}
		return string(words)
	}
	first, more, _ := strings.Cut(strings.TrimSpace(a.Script), "\n")
	if more != "" {
		return fmt.Sprintf("%s script: %s … (%d more lines)", a.Shell, first, strings.Count(more, "\n")+1)
	}
	return fmt.Sprintf("%s script: %s", a.Shell, first)
}
