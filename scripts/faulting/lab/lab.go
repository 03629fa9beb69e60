package lab

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/tutti-ci/tutti/agent/wire/wiretest"
	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

// Project is the name of the project of each lab.
const Project = "demo"

// Options say what a lab is made of.
type Options struct {
	Agents   int      // 1 if 0
	Capacity int      // of each agent; 2 if 0
	Server   []string // more flags of the server
	Agent    []string // and of the agents
	Host     string   // address that the server listens on; loopback if empty
	// Proxied puts a network before the server, in which the agents dial; Mangled one that hurts messages.
	Proxied bool
	Mangled *wiretest.Faults
	// Away leaves the agents for the fault to start.
	Away bool
	// Before is called when everything is made and nothing is started yet.
	Before func(l *Lab)
}

// A Lab is a server, its agents and a project.
type Lab struct {
	*T
	Server *Server
	Agents []*Agent
	Link   *Link // between the agents and the server, if proxied
	// Mangler hurts the messages between them, if asked for.
	Mangler *wiretest.Mangler
	repo    string
	runs    []*Run
	closed  bool
}

// Fence and Suspect are those of a lab whose fault lets them pass: long enough for a busy machine, short enough to wait for.
const (
	Suspect = 4 * time.Second
	Fence   = 16 * time.Second
)

// Short are the flags of a server whose leases are short.
var Short = []string{"--suspect", Suspect.String(), "--fence", Fence.String()}

// Open starts a lab and waits until it can work. When the fault ends everything is stopped, and what it left is a failure.
func (t *T) Open(o Options) *Lab {
	t.labs++
	suffix := ""
	if t.labs > 1 {
		suffix = fmt.Sprintf("-%d", t.labs)
	}
	l := &Lab{T: t, Server: t.Server("server"+suffix, cmp.Or(o.Host, "127.0.0.1"), o.Server...), repo: filepath.Join(t.Dir, "repo"+suffix)}
	url := l.Server.API.Server
	if o.Proxied {
		l.Link = t.Link(l.Server.Address)
		url = l.Link.URL()
	}
	if o.Mangled != nil {
		l.Mangler = t.Mangler(l.Server, *o.Mangled)
		url = l.Mangler.URL
	}
	flags := append([]string{"--capacity", fmt.Sprint(max(2, o.Capacity))}, o.Agent...)
	for i := range max(1, o.Agents) {
		l.Agents = append(l.Agents, t.Agent(fmt.Sprintf("agent%d%s-%s", i+1, suffix, t.Name), url, l.Server, flags...))
	}
	t.Defer(l.Close)
	if o.Before != nil {
		o.Before(l)
	}
	l.makeProject()
	l.Server.Up()
	_, err := l.Server.API.AddProject(t.Ctx, Project, l.repo)
	t.Must(err, "adding the project")
	if !o.Away {
		for _, a := range l.Agents {
			a.Start()
		}
		for _, a := range l.Agents {
			a.Ready(l.Server, time.Minute)
		}
	}
	return l
}

// Agent is the first of the agents.
func (l *Lab) Agent() *Agent { return l.Agents[0] }

func (l *Lab) makeProject() {
	l.git("init", "--quiet", "--initial-branch=main", l.repo)
	l.Commit("README", "A project whose builds meet with faults.\n")
}

// Commit writes a file and commits it; an empty text removes it.
func (l *Lab) Commit(name, text string) {
	file := filepath.Join(l.repo, name)
	l.Must(os.MkdirAll(filepath.Dir(file), 0o755), "writing %s", name)
	if text == "" {
		l.Must(os.Remove(file), "removing %s", name)
	} else {
		l.Must(os.WriteFile(file, []byte(text), 0o644), "writing %s", name)
	}
	l.git("-C", l.repo, "add", "--all")
	l.git("-C", l.repo, "-c", "user.name=Dana", "-c", "user.email=dana@localhost", "commit", "--quiet", "--allow-empty", "--message", "Change "+name)
}

func (l *Lab) git(args ...string) {
	out, err := exec.CommandContext(l.Ctx, "git", args...).CombinedOutput()
	l.Must(err, "git %s: %s", strings.Join(args, " "), out)
}

// Close stops everything as an admin would, and looks at what is left. It is called at the fault's end, if not before.
func (l *Lab) Close() {
	if l.closed {
		return
	}
	l.closed = true
	for _, r := range l.runs {
		r.stop()
	}
	if l.Failing() { // what is left has its reason in what failed, and who knows what can still end by itself
		l.tell()
		for _, a := range l.Agents {
			a.Kill()
		}
		l.Server.Kill()
		return
	}
	for _, a := range l.Agents {
		if a.Runs() {
			a.Stop(90 * time.Second)
		}
	}
	l.Server.Stop(30 * time.Second)
	for _, a := range l.Agents {
		l.leftOn(a)
	}
	if alive := l.Watch.Alive(l.Name + "/"); len(alive) > 0 {
		l.Errorf("%d processes of the fault are still alive: %+v", len(alive), alive)
	}
	files, err := os.ReadDir(filepath.Join(l.Dir, "tmp"))
	l.Check(err, "reading the folder for temporary files")
	for _, f := range files {
		l.Errorf("a temporary file is left: %s", f.Name())
	}
}

// tell notes how the server shows what is not over.
func (l *Lab) tell() {
	ctx, cancel := l.limited(5 * time.Second)
	defer cancel()
	for _, r := range l.runs {
		run, err := l.Server.API.Run(ctx, r.ID)
		for _, j := range run.Jobs {
			l.Logf("run %d is %s: job %s is %s %s on %q, epoch %d, %q, waits for %q",
				r.ID, run.State, j.Name, j.State, j.Result, j.Agent, j.Epoch, j.Cause, j.WaitsFor)
		}
		if err != nil {
			l.Logf("run %d: %v", r.ID, err)
		}
	}
}

// leftOn reports what an agent left on Docker and in memory.
func (l *Lab) leftOn(a *Agent) {
	id := a.ID()
	if id == "" {
		return // it never started
	}
	ctx, cancel := l.limited(30 * time.Second)
	defer cancel()
	left, err := a.Engine.Left(ctx, id)
	l.Check(err, "looking at what %s left on Docker", a.Name)
	for _, each := range left {
		l.Errorf("%s left on Docker: %s", a.Name, each)
	}
	files, err := filepath.Glob("/dev/shm/tutti-" + id + "*")
	l.Check(err, "looking at what %s left in memory", a.Name)
	for _, f := range files {
		l.Errorf("%s left in memory: %s", a.Name, f)
	}
}

// Idle waits until no job is queued or runs.
func (l *Lab) Idle(limit time.Duration) {
	l.Until("nothing runs any more", limit, func() bool {
		runs, err := l.Server.API.Runs(l.Ctx, "", 500)
		return err == nil && !slices.ContainsFunc(runs, func(r server.Run) bool { return r.State != plan.Done })
	})
}
