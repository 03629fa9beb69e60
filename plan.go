package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tutti-ci/tutti/dsl"
	"github.com/tutti-ci/tutti/dsl/plan"
)

// planning is one call of "tutti plan".
type planning struct {
	event    eventFlags
	pipeline string
	graph    string
	json     bool
}

func planCommand(con console) *cobra.Command {
	var p planning
	cmd := &cobra.Command{
		Use:   "plan [PATH]",
		Short: "Show what an event would start, and with what",
		Long: `Compiles the pipelines in PATH/.tutti (by default of this folder) for an event, as a server would, and shows what would
run, what would be skipped and why, and which values are known only later. The commit is the one that is checked out;
files are those of the working tree. Nothing runs, and the numbers and times of the run are examples.

Variables come from --var, --var-file and environment variables such as TUTTI_VAR_REGION. Which secrets there are is
taken from --secret-file; without it, all that are declared count as given.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return p.run(cmd.Context(), con, pathOf(args)) },
	}
	p.event.register(cmd)
	cmd.Flags().StringVar(&p.pipeline, "pipeline", "", "only this pipeline, whether the event starts it or not")
	cmd.Flags().StringVar(&p.graph, "graph", "", `print the graph of jobs instead: "dot" for Graphviz, or "mermaid"`)
	cmd.Flags().BoolVar(&p.json, "json", false, "print the plans as JSON")
	return cmd
}

func (p planning) run(ctx context.Context, con console, path string) error {
	if p.graph != "" && p.graph != "dot" && p.graph != "mermaid" {
		return misused(`--graph %q is neither "dot" nor "mermaid"`, p.graph)
	}
	if p.graph != "" && p.json {
		return misused("--graph and --json exclude each other")
	}
	req, err := p.event.request(ctx, path, time.Now())
	if err != nil {
		return err
	}
	req.Pipeline = p.pipeline
	resp, err := compileLocal(ctx, aboveFolder(path), req)
	if err != nil {
		return err
	}
	dsl.Format(con.Err, resp.Problems, isTerminal(con.Err))
	switch {
	case hasErrors(resp.Problems):
		return &exitError{Code: exitFailed}
	case p.json:
		return printJSON(con.Out, map[string]any{"event": req.Event, "matches": orEmpty(resp.Matches), "plans": orEmpty(resp.Plans)})
	case p.graph == "dot":
		fmt.Fprint(con.Out, dotGraph(resp.Plans))
	case p.graph == "mermaid":
		fmt.Fprint(con.Out, mermaidGraph(resp.Plans))
	default:
		describePlans(con.Out, req.Event, p.pipeline, resp)
	}
	return nil
}

// request is what a compiler is asked for such an event.
func (f *eventFlags) request(ctx context.Context, path string, now time.Time) (dsl.Request, error) {
	ev, err := f.event(ctx, path, now)
	if err != nil {
		return dsl.Request{}, err
	}
	req := dsl.Request{Event: ev, Release: version}
	if req.Files, err = readPipelines(path); err != nil {
		return req, err
	}
	if req.Inputs, err = parseInputs(f.inputs); err != nil {
		return req, err
	}
	if req.Settings, _, err = f.settings.read(); err != nil {
		return req, err
	}
	if req.Settings == nil {
		req.Settings = &dsl.Settings{}
	}
	if len(f.settings.secretFiles) == 0 {
		req.Settings.Secrets = map[string][]string{"": declaredSecrets(req.Files)}
	}
	return req, f.schedule(&req)
}

// declaredSecrets names the secrets of files, for a plan that needs no values.
func declaredSecrets(files []dsl.File) []string {
	folder := dsl.NewFolder()
	var names []string
	for _, file := range files {
		folder.Set(file)
		for _, s := range folder.Symbols(file.Name) {
			if s.Kind == "secret" {
				names = append(names, s.Name)
			}
		}
	}
	return names
}

// schedule finds out which schedule fires, where there is one.
func (f *eventFlags) schedule(req *dsl.Request) error {
	if f.kind != dsl.KindSchedule {
		return nil
	}
	config, _ := dsl.Parse(req.Files)
	if config == nil {
		return nil // the mistakes are reported when the request is compiled
	}
	var fitting []string
	for _, p := range config.Pipelines() {
		for _, s := range p.Schedules {
			if (f.cron == "" || s.Cron == strings.Join(strings.Fields(f.cron), " ")) && !slices.Contains(fitting, s.String()) {
				fitting = append(fitting, s.String())
			}
		}
	}
	switch {
	case len(fitting) == 1:
		req.Event.Schedule = fitting[0]
	case len(fitting) > 1:
		return misused("there are several schedules, so say with --cron which one it is: %s", strings.Join(fitting, "; "))
	default:
		req.Event.Schedule = f.cron
	}
	return nil
}

// startsAnything says whether an event starts a pipeline.
func startsAnything(matches []dsl.Match) bool {
	return slices.ContainsFunc(matches, func(m dsl.Match) bool { return m.Starts })
}

// nodesOf answers the nodes of a plan without the instances, which stand for their matrix. What needs a node that is skipped is
// skipped itself in these, unless it runs then as well.
func nodesOf(p *plan.Plan) []plan.Job {
	nodes := slices.DeleteFunc(slices.Clone(p.Jobs), func(j plan.Job) bool { return j.Of != "" })
	skipped := func(name string) (plan.Result, bool) {
		return plan.Skipped, slices.ContainsFunc(nodes, func(j plan.Job) bool { return j.Name == name && j.Skip != "" })
	}
	for more := true; more; {
		more = false
		for i, j := range nodes {
			if turn, need := plan.Ready(j, skipped); turn == plan.Never && j.Skip == "" {
				nodes[i].Skip, more = skippedBy(need), true
			}
		}
	}
	return nodes
}

// skippedBy says why a node would be skipped, given the first of its needs that would be and rules it out.
func skippedBy(need string) string {
	if need == "" {
		return `run_on is "failed", and all that it needs is skipped`
	}
	return "needs " + need + ", which is skipped"
}

// instancesOf answers the instances of a matrix.
func instancesOf(p *plan.Plan, matrix string) []plan.Job {
	return slices.DeleteFunc(slices.Clone(p.Jobs), func(j plan.Job) bool { return j.Of != matrix })
}
