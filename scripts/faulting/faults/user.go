package faults

import (
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/tutti-ci/tutti/scripts/faulting/lab"
)

// userFaults are those that users make, and those of the images that they name.
func userFaults() []Fault {
	return []Fault{
		{
			Name: "canceled-at-each-phase", CI: true, What: "a run is canceled while it is queued, being prepared, pulling, running, cleaning up", How: "API, six runs",
			Expect: "each run is canceled once and for all, no process begins later, nothing is left", Run: canceledAtEachPhase,
		},
		{
			Name: "canceled-while-agent-is-away", CI: true, What: "a run is canceled while its agent is down", How: "kill -9, API",
			Expect: "when the agent is back the process ends, and the run is canceled", Run: canceledWhileAway,
		},
		{
			Name: "canceled-while-server-is-down", What: "a run is canceled, and the server is killed at once", How: "API, kill -9",
			Expect: "the cancellation is not forgotten", Run: canceledAndKilled,
		},
		{
			Name: "image-missing-or-refused", What: "the registry has no such image, wants a password, or says that it is asked too often", How: "registry of the fault's own",
			Expect: "each fails with its own words, and once the registry serves, the same pipeline passes", Run: imageRefused,
		},
		{
			Name: "pull-hangs", What: "the registry stops in the middle of a layer, and the agent is killed during the pull", How: "registry of the fault's own, kill -9",
			Expect: "the job goes on when the registry does, or ends with its timeout; a cancellation ends it", Run: pullHangs,
		},
		{
			Name: "container-out-of-memory", What: "a process takes more memory than its limit", How: "payload, limit 64 MiB",
			Expect: "it failed with \"out of memory (limit 64 MiB)\", and its log is whole", Run: outOfMemory,
		},
		{
			Name: "fork-bomb", What: "a process makes processes without end", How: "payload, timeout 10 s", Alone: true,
			Expect: "the job ends by its timeout; the agent lives, another job passes", Run: forkBomb,
		},
		{
			Name: "huge-plan", What: "a pipeline of 10,000 activities, and one of jobs that need each other 400 deep", How: "generated pipelines",
			Expect: "what is above the limits is an error with a line number; what is below is planned", Run: hugePlan,
		},
		{
			Name: "push-told-many-times", What: "a push is told 20 times at once, and the server is killed meanwhile", How: "API, kill -9",
			Expect: "one run for the commit", Run: pushTold,
		},
	}
}

func canceledAtEachPhase(t *lab.T) {
	registry := t.Registry(t.Shared)
	registry.Set("hang")
	l := t.Open(lab.Options{})
	long := lab.Lines("one", "-rate 50 -forever")
	running := l.Start("running", long)
	deaf := l.Start("deaf", lab.Lines("one", "-rate 50 -forever -deaf"))
	running.Live(10)
	deaf.Live(10)
	queued := l.Start("queued", lab.Lines("one", "-count 10")) // the agent is full
	t.Until("it is queued", 30*time.Second, func() bool { return queued.Job("one").State == "queued" })
	for _, r := range []*lab.Run{queued, running, deaf} {
		r.Cancel()
		r.Canceled(60 * time.Second)
	}
	queued.Never("one", "say")
	offered := l.Start("offered", long)
	offered.Cancel() // at once
	offered.Canceled(60 * time.Second)
	pulling := l.Start("pulling", linesIn(registry.Image("a"), "-count 10"))
	t.Until("the image is being pulled", time.Minute, func() bool { return registry.Asked() > 2 })
	pulling.Cancel()
	pulling.Canceled(60 * time.Second)
	pulling.Never("one", "say")
	ending := l.Start("ending", lab.Lines("one", "-rate 100 -count 50"))
	t.Until("it is nearly over", time.Minute, func() bool { return ending.Tail("one/say").Lines() == 50 })
	_, _ = l.Server.API.Cancel(t.Ctx, ending.ID) // either it comes in time or it is refused
	if run := ending.End(time.Minute); run.Result != "passed" && run.Result != "canceled" {
		t.Errorf("a run that was canceled at its end is %s (%s)", run.Result, run.Cause)
	}
	l.Agent().Clean(time.Minute)
}

func canceledWhileAway(t *lab.T) {
	l := t.Open(lab.Options{})
	r := l.Start("long", lab.Lines("one", "-rate 50 -forever"))
	r.Live(20)
	l.Agent().Kill()
	r.Cancel()
	t.Sleep(2 * time.Second)
	l.Agent().Start()
	r.Canceled(time.Minute)
	r.Once("one", "say")
}

func canceledAndKilled(t *lab.T) {
	l := t.Open(lab.Options{Proxied: true})
	r := l.Start("long", lab.Lines("one", "-rate 50 -forever"))
	r.Live(20)
	l.Agent().Signal(syscall.SIGSTOP)
	r.Cancel()
	l.Server.Kill()
	l.Agent().Signal(syscall.SIGCONT)
	t.Sleep(2 * time.Second)
	l.Server.Up()
	r.Canceled(time.Minute)
	r.Once("one", "say")
}

// linesIn is a job like lab.Lines, in an image of its own.
func linesIn(image, args string) lab.Job {
	return lab.Job{Name: "one", Steps: []lab.Step{{Name: "say", Extra: fmt.Sprintf("image = %q", image), Lines: args}}}
}

func imageRefused(t *lab.T) {
	registry := t.Registry(t.Shared)
	l := t.Open(lab.Options{})
	job := func(name string) lab.Job { return linesIn(registry.Image(name), "-count 10") }
	causes := map[string]bool{}
	for i, mode := range []string{"401", "429", "500"} {
		registry.Set(mode)
		run := l.Start("r"+mode, job(string(rune('a'+i)))).End(2 * time.Minute)
		if run.Result == "passed" {
			t.Errorf("an image that the registry refuses with %s runs", mode)
		}
		t.Logf("the cause is %s", run.Cause)
		causes[strings.ReplaceAll(run.Jobs[0].Cause, registry.Image(string(rune('a'+i))), "")] = true
	}
	if len(causes) < 3 {
		t.Errorf("the causes are not told apart: %v", causes)
	}
	registry.Set("serve")
	l.Start("r401", job("a")).Same(time.Minute)
}

func pullHangs(t *lab.T) {
	registry := t.Registry(t.Shared)
	registry.Set("hang")
	l := t.Open(lab.Options{})
	r := l.Start("pull", linesIn(registry.Image("d"), "-rate 100 -count 100"))
	t.Until("the image is being pulled", time.Minute, func() bool { return registry.Asked() > 2 })
	l.Agent().Kill()
	t.Sleep(time.Second)
	registry.Set("serve")
	registry.Drop()
	l.Agent().Start()
	r.Same(2 * time.Minute)
	r.Once("one", "say")
}

func outOfMemory(t *lab.T) {
	l := t.Open(lab.Options{Agent: []string{"--memory", "64m"}})
	r := l.Start("oom", lab.Job{Name: "one", Steps: []lab.Step{
		{Name: "say", Lines: "-count 1000"}, {Name: "eat", Script: "echo before; tail /dev/zero"},
	}})
	run := r.End(time.Minute)
	if j := run.Jobs[0]; j.Result != "failed" || !strings.Contains(j.Cause, "out of memory (limit 64 MiB)") {
		t.Errorf("the job is %s: %s", j.Result, j.Cause)
	}
	r.Whole(run.Jobs[0], run.Jobs[0].Activities[0])
	if run.Jobs[0].Activities[1].LogBytes < 7 {
		t.Errorf("the log of what ran out of memory has %d bytes", run.Jobs[0].Activities[1].LogBytes)
	}
}

func forkBomb(t *lab.T) {
	l := t.Open(lab.Options{Capacity: 2})
	r := l.Start("bomb", lab.Job{Name: "one", Steps: []lab.Step{
		{Name: "boom", Script: "b() { b | b & }; while true; do b; sleep 0.1; done", Extra: `timeout = "10s"`},
	}})
	other := l.Start("other", lab.Lines("one", "-rate 50 -count 200"))
	run := r.End(2 * time.Minute)
	if run.Result == "passed" || !strings.Contains(run.Jobs[0].Cause, "timeout") && !strings.Contains(run.Jobs[0].Cause, "exit code") {
		t.Errorf("the fork bomb is %s: %s", run.Result, run.Cause)
	}
	other.Same(time.Minute)
}

func hugePlan(t *lab.T) {
	l := t.Open(lab.Options{})
	for name, pipeline := range map[string]string{"wide": wide(10_000), "deep": deep(400)} {
		l.Commit(".tutti/"+name+".hcl", pipeline)
		run, err := l.Server.API.Start(t.Ctx, lab.Project, lab.StartRequest(name))
		t.Must(err, "starting %s", name)
		run = l.Server.Run1(run.ID)
		switch {
		case run.State == "done" && len(run.Problems) > 0 && run.Problems[0].Start.Line > 0:
			t.Logf("%s is refused: %s:%d: %s", name, run.Problems[0].File, run.Problems[0].Start.Line, run.Problems[0].Title)
		case run.State == "done":
			t.Errorf("%s is %s %s without a line number: %+v", name, run.Result, run.Cause, run.Problems)
		default:
			_, err := l.Server.API.Cancel(t.Ctx, run.ID)
			t.Must(err, "canceling %s", name)
		}
		l.Commit(".tutti/"+name+".hcl", "") // it would be compiled again and again
	}
	worksOn(l)
}

// wide is a pipeline of many activities.
func wide(n int) string {
	var b strings.Builder
	b.WriteString("pipeline \"wide\" {\n  on \"manual\" {}\n")
	for i := range n / 200 { // more of them in a job are refused, and a file of more than 256 KiB
		fmt.Fprintf(&b, "job \"j%d\" {\nimage=%q\n", i, lab.Image)
		for k := range 200 {
			fmt.Fprintf(&b, "activity \"%c%c\"{script=\"\"}\n", 'a'+k/26, 'a'+k%26)
		}
		b.WriteString("}\n")
	}
	return b.String() + "}\n"
}

// deep is a pipeline of jobs of which each needs the one before.
func deep(n int) string {
	var b strings.Builder
	b.WriteString("pipeline \"deep\" {\n  on \"manual\" {}\n")
	for i := range n {
		fmt.Fprintf(&b, "  job \"j%d\" {\n    image = %q\n", i, lab.Image)
		if i > 0 {
			fmt.Fprintf(&b, "    needs = [job.j%d]\n", i-1)
		}
		b.WriteString("    activity \"a\" { script = \"true\" }\n  }\n")
	}
	return b.String() + "}\n"
}

func pushTold(t *lab.T) {
	l := t.Open(lab.Options{})
	l.Commit(".tutti/push.hcl", fmt.Sprintf("pipeline \"push\" {\n  on \"push\" {}\n  job \"one\" {\n    image = %q\n    activity \"a\" { script = \"true\" }\n  }\n}\n", lab.Image))
	_, err := l.Server.API.Push(t.Ctx, lab.Project) // the first look sees what is there already
	t.Must(err, "telling of a push")
	l.Commit("README", "changed\n")
	told := make(chan struct{})
	for range 20 {
		go func() {
			_, _ = l.Server.API.Push(t.Ctx, lab.Project) // the server may be dead
			told <- struct{}{}
		}()
	}
	t.Sleep(time.Duration(t.Rand.IntN(100)) * time.Millisecond)
	l.Server.Kill()
	for range 20 {
		<-told
	}
	l.Server.Up()
	_, err = l.Server.API.Push(t.Ctx, lab.Project)
	t.Must(err, "telling of a push")
	runs, err := l.Server.API.Runs(t.Ctx, lab.Project, 100)
	t.Must(err, "listing the runs")
	byCommit := map[string]int{}
	for _, r := range runs {
		byCommit[r.Event.Commit]++
	}
	for commit, n := range byCommit {
		if n != 1 {
			t.Errorf("%d runs for commit %.8s", n, commit)
		}
	}
	if len(byCommit) == 0 {
		t.Errorf("no run for the push")
	}
	l.Idle(time.Minute)
}
