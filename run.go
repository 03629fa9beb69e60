package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/spf13/cobra"

	"github.com/tutti-ci/tutti/dsl"
	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/api/client"
	"github.com/tutti-ci/tutti/server/trigger"
)

// localRun is one call of "tutti run".
type localRun struct {
	Pipeline string
	Event    string
	Inputs   map[string]string
	Jobs     []string
	JSON     bool
	Memory   int64
	Approve  []string // names of approvals, or "all"
	Settings *dsl.Settings
	Secrets  map[string]string
}

func runCommand(con console) *cobra.Command {
	var spec localRun
	var inputs []string
	var memory string
	var settings settingFlags
	cmd := &cobra.Command{
		Use:   "run [JOB...]",
		Short: "Run the pipeline of this folder here and now, uncommitted changes included",
		Long: `Runs a pipeline on the working tree in the current folder, with the same server and agent code that a real server
uses, in this process and with data that is thrown away afterwards. With JOB only these jobs run, and what they need.

Variables come from --var, --var-file and environment variables such as TUTTI_VAR_REGION, secrets from --secret-file.
Files hold a NAME=VALUE a line. Secrets are kept in memory only. At an approval a person at a terminal is asked; without
a terminal an approval that --approve does not name is rejected.

Exit codes: 0 passed, 1 failed or not a valid pipeline, 2 wrong usage, 3 no Docker, or other trouble of the machine.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if spec.Inputs, err = parseInputs(inputs); err != nil {
				return err
			}
			if spec.Memory, err = parseSize(memory); err != nil {
				return misused("--memory %v", err)
			}
			if spec.Settings, spec.Secrets, err = settings.read(); err != nil {
				return err
			}
			if spec.Event != "" && spec.Event != dsl.KindPush && spec.Event != dsl.KindManual {
				return misused(`--event %q is not one of "push" and "manual"`, spec.Event)
			}
			spec.Jobs = args
			return spec.run(cmd.Context(), con)
		},
	}
	cmd.Flags().StringVar(&spec.Pipeline, "pipeline", "", "which pipeline; needed if several answer the event")
	cmd.Flags().StringVar(&spec.Event, "event", "", `what the run pretends to be started by: "push" or "manual"; by default what the pipeline has, push first`)
	cmd.Flags().StringArrayVar(&inputs, "input", nil, "an input of the pipeline, as NAME=VALUE; may be repeated")
	settings.register(cmd)
	cmd.Flags().StringArrayVar(&spec.Approve, "approve", nil, `an approval that needs no question, by name; "all" is every one; may be repeated`)
	cmd.Flags().BoolVar(&spec.JSON, "json", false, "print the finished run as JSON, and no logs")
	cmd.Flags().StringVar(&memory, "memory", "", "limit of memory of each activity's container, as in 2g")
	return cmd
}

func (l localRun) run(ctx context.Context, con console) (err error) {
	tree, err := workingTree()
	if err != nil {
		return err
	}
	if err := l.check(con, tree); err != nil {
		return err
	}
	if err := sweepAbandoned(ctx, os.TempDir()); err != nil {
		fmt.Fprintf(con.Err, "tutti: %v\n", err) // it is not this run's trouble
	}
	data, err := os.MkdirTemp("", runFolder)
	if err != nil {
		return fmt.Errorf("making a folder for the run: %w", err)
	}
	kept := false
	defer func() {
		if !kept {
			err = errors.Join(err, os.RemoveAll(data))
		}
	}()
	snap, err := takeSnapshot(ctx, tree, filepath.Join(data, "tree.git"))
	if err != nil {
		return fmt.Errorf("taking a snapshot of %s: %w", tree, err)
	}
	for _, dir := range snap.Nested {
		fmt.Fprintf(con.Err, "tutti: %s is a repository of its own, such as a submodule; jobs find an empty folder there, as on a server\n", dir)
	}
	libraries, err := openLibraryCache()
	if err != nil {
		return err
	}
	// The server and the agent outlive an interrupt: they have to end what runs, and to say how it ended.
	h, err := startHost(context.WithoutCancel(ctx), hostConfig{
		Server: serverConfig{Listen: "127.0.0.1:0", Data: data, InProcess: true, Libraries: libraries, Given: &givenSettings{l.Settings, l.Secrets}},
		Agent:  agentConfig{Capacity: defaultCapacity(), Memory: l.Memory},
		Log:    quietLog(con.Err),

		NeedsDocker: true,
	})
	if err != nil {
		return err
	}
	defer func() {
		stopping := h.Stop()
		if stopping == nil {
			return
		}
		kept = true // it tells the next run what to remove, see sweepAbandoned
		fmt.Fprintf(con.Err, "tutti: ending the run: %v; the next \"tutti run\" removes what is left, and %s\n", stopping, data)
		if err == nil {
			err = &exitError{Code: exitInfrastructure}
		}
	}()
	return l.follow(ctx, con, h, snap)
}

// check says every mistake before anything is started.
func (l localRun) check(con console, tree string) error {
	files, err := readPipelines(tree)
	if err != nil {
		return err
	}
	if _, problems := dsl.ParseAll(dsl.Request{Files: files, Release: version}); hasErrors(problems) {
		dsl.Format(con.Err, problems, isTerminal(con.Err))
		return &exitError{Code: exitFailed}
	}
	return nil
}

// follow starts the run on the host and shows it to its end.
func (l localRun) follow(ctx context.Context, con console, h *host, snap snapshot) error {
	name := projectNameOf(snap.Root)
	if err := h.Server.Store.CreateProject(ctx, server.Project{Name: name, URL: snap.Repo}); err != nil {
		return err
	}
	run, err := h.Server.Trigger.Start(ctx, trigger.Request{
		Project: name, Pipeline: l.Pipeline, Kinds: l.kinds(), Ref: snap.Branch, Inputs: l.Inputs, Jobs: l.Jobs, Actor: os.Getenv("USER"),
	})
	if err != nil {
		return err
	}
	l.warn(con, run)
	c := &client.Client{Server: h.Server.URL, Token: h.Server.AdminToken}
	watching, giveUp := context.WithCancel(context.WithoutCancel(ctx))
	over := make(chan struct{})
	var ending sync.WaitGroup
	ending.Go(func() {
		interrupt{h.Server.Store.Cancel, run.ID, con.Err}.watch(ctx, over)
		giveUp()
	})
	defer ending.Wait()
	defer close(over)
	return watch(watching, con, c, run.ID, watchOptions{JSON: l.JSON, Answers: &answers{
		decide: h.Server.Store.Decide, approved: l.Approve, ctx: ctx, asked: map[string]bool{},
		failed: func(err error) { fmt.Fprintf(con.Err, "tutti: %v\n", err) },
	}})
}

// noValue are the codes of problems that settings solve: variables and secrets without a value.
var noValue = [...]string{"E225", "E226"}

// warn tells of names that --approve gave in vain, and how a local run gets the values that it lacks.
func (l localRun) warn(con console, run server.Run) {
	if slices.ContainsFunc(run.Problems, func(p plan.Problem) bool { return slices.Contains(noValue[:], p.Code) }) {
		fmt.Fprintln(con.Err, "tutti: a local run has no project's settings: give variables with --var, --var-file or TUTTI_VAR_NAME, and secrets with --secret-file")
	}
	for _, name := range l.Approve {
		if j := slices.IndexFunc(run.Jobs, func(j server.Job) bool { return j.Name == name && j.Kind == plan.KindApproval }); j < 0 && name != "all" {
			fmt.Fprintf(con.Err, "tutti: --approve %s: the run has no approval of that name\n", name)
		}
	}
}

// kinds are the events that the run may pretend to be started by.
func (l localRun) kinds() []string {
	if l.Event != "" {
		return []string{l.Event}
	}
	return []string{dsl.KindPush, dsl.KindManual}
}

// workingTree finds the tree to run: this folder if it has pipelines, else the repository that it is in.
func workingTree() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("finding the current folder: %w", err)
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return "", fmt.Errorf("finding the current folder: %w", err)
	}
	for at := dir; ; at = filepath.Dir(at) {
		if info, err := os.Stat(filepath.Join(at, pipelineDir)); err == nil && info.IsDir() {
			return at, nil
		}
		if _, err := os.Stat(filepath.Join(at, ".git")); err == nil || at == filepath.Dir(at) {
			return "", failed(fmt.Errorf("no pipeline here: neither %s nor the repository around it has a %s folder", dir, pipelineDir))
		}
	}
}
