package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/scripts/faulting/oracle"
	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/api/client"
)

// A Job is one of a pipeline: its activities run one after the other.
type Job struct {
	Name  string
	Extra string // more HCL of it
	Steps []Step
}

// A Step is an activity: the witness program with these arguments, or a script.
type Step struct {
	Name   string
	Lines  string // arguments of the witness program, but for its tag
	Script string
	Extra  string // more HCL of it
}

// Lines is a job of one activity that writes lines: "-count 500 -rate 100".
func Lines(name, args string) Job { return Job{Name: name, Steps: []Step{{Name: "say", Lines: args}}} }

// A Run is one under way, with a reader of each of its logs that follows it live and comes back when it is cut.
type Run struct {
	l     *Lab
	ID    server.RunID
	Title string
	tails map[string]*Tail // by "job/activity"
	halt  context.CancelFunc
	done  sync.WaitGroup
}

// A Tail follows one log.
type Tail struct {
	mu    sync.Mutex // guards what follows
	check oracle.Check
	err   error
	ended bool
}

// Start starts a pipeline of these jobs and follows it.
func (l *Lab) Start(title string, jobs ...Job) *Run {
	l.Commit(".tutti/"+title+".hcl", l.Pipeline(title, jobs))
	return l.Again(title, jobs...)
}

// Again starts a pipeline that was started before.
func (l *Lab) Again(title string, jobs ...Job) *Run {
	r, err := l.TryStart(title, jobs...)
	l.Must(err, "starting %s", title)
	l.runs = append(l.runs, r)
	return r
}

// StartDeadly starts a pipeline on a server that dies of it, perhaps before it answers, and starts the server again.
func (l *Lab) StartDeadly(title string, jobs ...Job) *Run {
	l.Commit(".tutti/"+title+".hcl", l.Pipeline(title, jobs))
	r, err := l.TryStart(title, jobs...)
	l.Server.Died(time.Minute)
	l.Server.Up()
	if err == nil {
		l.runs = append(l.runs, r)
		return r
	}
	l.Logf("the start of %s was not answered: %v", title, err)
	all, err := l.Server.API.Runs(l.Ctx, Project, 1)
	l.Must(err, "listing the runs")
	if len(all) == 1 && all[0].Pipeline == title {
		r = l.watch(all[0].ID, title, jobs)
		l.runs = append(l.runs, r)
		return r
	}
	return l.Again(title, jobs...)
}

// TryStart starts a pipeline that is there already, if the server can.
func (l *Lab) TryStart(title string, jobs ...Job) (*Run, error) {
	started, err := l.Server.API.Start(l.Ctx, Project, StartRequest(title))
	if err != nil {
		return nil, err
	}
	l.Logf("run %d of %s started", started.ID, title)
	return l.watch(started.ID, title, jobs), nil
}

// watch follows the logs of a run.
func (l *Lab) watch(id server.RunID, title string, jobs []Job) *Run {
	ctx, halt := context.WithCancel(l.Ctx)
	r := &Run{l: l, ID: id, Title: title, tails: make(map[string]*Tail), halt: halt}
	for _, j := range jobs {
		for _, s := range j.Steps {
			if s.Lines != "" {
				r.follow(ctx, j.Name, s.Name)
			}
		}
	}
	return r
}

// Pipeline is the HCL of jobs.
func (l *Lab) Pipeline(title string, jobs []Job) string {
	var b strings.Builder
	fmt.Fprintf(&b, "pipeline %q {\n  on \"manual\" {}\n", title)
	for _, j := range jobs {
		fmt.Fprintf(&b, "  job %q {\n    image = %q\n%s\n", j.Name, Image, j.Extra)
		for _, s := range j.Steps {
			what := fmt.Sprintf("script = %q", s.Script)
			if s.Lines != "" {
				args := append([]string{oracle.Program, "-tag", l.tag(title, j.Name, s.Name, "${run.id}")}, strings.Fields(s.Lines)...)
				for i, a := range args {
					args[i] = fmt.Sprintf("%q", a)
				}
				what = "command = [" + strings.Join(args, ", ") + "]"
			}
			fmt.Fprintf(&b, "    activity %q {\n      %s\n%s\n    }\n", s.Name, what, s.Extra)
		}
		b.WriteString("  }\n")
	}
	b.WriteString("}\n")
	return b.String()
}

// tag is the name by which the kernel knows the witness of an activity of a run.
func (l *Lab) tag(title, job, step, run string) string {
	return strings.Join([]string{l.Name, title, job, step, run}, "/")
}

func (r *Run) tag(job, step string) string { return r.l.tag(r.Title, job, step, fmt.Sprint(r.ID)) }

// follow reads a log live until it is complete, however often it is cut.
func (r *Run) follow(ctx context.Context, job, step string) {
	t := &Tail{check: oracle.Check{Live: true, Now: time.Now}}
	r.tails[job+"/"+step] = t
	r.done.Go(func() {
		for {
			t.mu.Lock()
			from := t.check.Size
			t.mu.Unlock()
			err := r.l.Server.API.Log(ctx, r.ID, job, step, from, true, t)
			if ctx.Err() != nil {
				return
			}
			if err == nil {
				t.mu.Lock()
				t.ended = true
				t.mu.Unlock()
				return
			}
			t.mu.Lock()
			t.err = err
			t.mu.Unlock()
			time.Sleep(200 * time.Millisecond)
		}
	})
}

// Write takes bytes of the log.
func (t *Tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.check.Write(p)
}

// Lines is how many good lines came.
func (t *Tail) Lines() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.check.Lines
}

// Slowest is the longest time between the writing of a line and its arrival.
func (t *Tail) Slowest() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.check.Slowest
}

// Tail is the reader of a log.
func (r *Run) Tail(name string) *Tail { return r.tails[name] }

func (r *Run) stop() {
	r.halt()
	r.done.Wait()
}

// Reads waits until so many lines of a log were read live.
func (r *Run) Reads(name string, lines int64, limit time.Duration) {
	r.l.Until(fmt.Sprintf("line %d of %s/%s was read", lines, r.Title, name), limit, func() bool { return r.tails[name].Lines() >= lines })
}

// Live waits until all of its logs have lines.
func (r *Run) Live(lines int64) {
	for _, name := range r.names() {
		r.Reads(name, lines, time.Minute)
	}
}

func (r *Run) names() []string {
	var names []string
	for name := range r.tails {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Now is the run as the server tells it.
func (r *Run) Now() server.Run { return r.l.Server.Run1(r.ID) }

// Job is one of its jobs as the server tells it.
func (r *Run) Job(name string) server.Job {
	for _, j := range r.Now().Jobs {
		if j.Name == name {
			return j
		}
	}
	r.l.Fatalf("run %d has no job %q", r.ID, name)
	return server.Job{}
}

// End waits until the run is over and its logs are complete.
func (r *Run) End(limit time.Duration) server.Run {
	var run server.Run
	var err error
	r.l.Until(fmt.Sprintf("run %d of %s is over", r.ID, r.Title), limit, func() bool {
		run, err = r.l.Server.API.Run(r.l.Ctx, r.ID)
		return err == nil && run.State == plan.Done
	})
	r.l.Logf("run %d is %s %s", r.ID, run.Result, run.Cause)
	return run
}

// Download reads a log as it is.
func (r *Run) Download(job, step string) *oracle.Check {
	check, err := r.download(job, step)
	r.l.Check(err, "downloading the log of %s/%s", job, step)
	return check
}

// TryDownload reads a log that may be damaged, once.
func (r *Run) TryDownload(job, step string) (*oracle.Check, error) {
	var check oracle.Check
	ctx, cancel := context.WithTimeout(r.l.Ctx, 20*time.Second)
	defer cancel()
	err := r.l.Server.API.Log(ctx, r.ID, job, step, 0, false, &check)
	return &check, err
}

// Forget stops following a run, and forgets what was known of it.
func (r *Run) Forget() {
	r.stop()
	for _, name := range r.names() {
		job, step, _ := strings.Cut(name, "/")
		r.l.Watch.Forget(r.tag(job, step))
	}
}

// download reads a log whole.
func (r *Run) download(job, step string) (*oracle.Check, error) {
	var check oracle.Check
	var err error
	for range 20 { // a server that starts again is asked again
		check = oracle.Check{}
		ctx, cancel := context.WithTimeout(r.l.Ctx, 5*time.Minute)
		err = r.l.Server.API.Log(ctx, r.ID, job, step, 0, false, &check)
		cancel()
		var incomplete *client.IncompleteError
		if errors.As(err, &incomplete) { // who judges the log sees that it says so
			err = nil
		}
		if err == nil || r.l.Ctx.Err() != nil {
			break
		}
		time.Sleep(500 * time.Millisecond)
	}
	return &check, err
}

var _ io.Writer = (*Tail)(nil)

var errNotSame = errors.New("the live view and the download differ")
