package faults

import (
	"syscall"
	"time"

	"github.com/tutti-ci/tutti/scripts/faulting/lab"
)

// dockerFaults are those of Docker, on engines of their own.
func dockerFaults() []Fault {
	return []Fault{
		{
			Name: "dockerd-killed-live-restore", CI: true, What: "dockerd is killed while a log comes fast; containers live on", How: "own dockerd with live-restore, kill -9, 3 s away",
			Expect: "the same process goes on, no line is missing", Run: dockerdKilledLiveRestore,
		},
		{
			Name: "dockerd-killed", CI: true, What: "dockerd is killed, and its restart kills the containers", How: "own dockerd without live-restore, kill -9",
			Expect: "the job is lost because Docker was restarted, not because of an exit code; the next job runs", Run: dockerdKilled,
		},
		{
			Name: "dockerd-stopped", CI: true, What: "dockerd stands still while a job runs and another begins", How: "own dockerd, SIGSTOP, SIGCONT",
			Expect: "the agent says that Docker does not answer, and takes no work; what runs goes on; then all goes on", Run: dockerdStopped,
		},
		{
			Name: "docker-calls-hang", What: "one call of Docker never answers: create, start, remove", How: "proxy before the Docker socket",
			Expect: "each call ends at its deadline; the job passes, or is lost because Docker did not answer; the agent has no more descriptors than before", Run: dockerHangs, Limit: 9 * time.Minute,
		},
		{
			Name: "docker-lies", CI: true, What: "Docker answers with an error after it did the work: create, start, remove, networks, volumes", How: "proxy before the Docker socket",
			Expect: "the job passes, its process began once, nothing is left", Run: dockerLies,
		},
		{
			Name: "docker-fails", What: "each call of Docker fails once", How: "proxy before the Docker socket",
			Expect: "the job passes, or is lost with Docker's words; never green without its log", Run: dockerFails,
		},
		{
			Name: "docker-away-at-adoption", What: "agent and dockerd are killed; the agent is back first", How: "own dockerd with live-restore, kill -9 of both",
			Expect: "the job keeps its state until Docker answers, and goes on", Run: dockerAwayAtAdoption,
		},
		{
			Name: "containerd-killed", What: "containerd is killed under dockerd", How: "own dockerd, kill -9 of containerd",
			Expect: "the job goes on, or is lost with Docker's cause; never green with a hole; the next job runs", Run: containerdKilled,
		},
		{
			Name: "containerd-shim-killed", What: "the process that holds a container for containerd is killed", How: "own dockerd, kill -9 of containerd-shim",
			Expect: "the job goes on, or is lost with Docker's cause; never green with a hole; the next job runs", Run: containerdShimKilled,
		},
		{
			Name: "container-removed", CI: true, What: "somebody removes the container of a job that runs", How: "docker rm -f",
			Expect: "the job is lost, and the cause says that the container was removed or killed from outside", Run: containerRemoved,
		},
		{
			Name: "container-killed", What: "somebody kills the shim of a container", How: "kill -9 of PID 1",
			Expect: "the job is lost with that cause, its log has no hole", Run: containerKilled,
		},
		{
			Name: "container-paused", What: "somebody pauses a container for 10 s", How: "docker pause, docker unpause",
			Expect: "the job goes on as it was", Run: containerPaused,
		},
		{
			Name: "network-removed", What: "somebody removes the network of a job between two activities", How: "docker network rm, as far as Docker lets it",
			Expect: "the job passes, or is lost with Docker's words; nothing is left", Run: networkRemoved,
		},
	}
}

// onEngine makes the agents of a lab use an engine.
func onEngine(d *lab.Dockerd) func(*lab.Lab) {
	return func(l *lab.Lab) {
		for _, a := range l.Agents {
			a.Uses(d.Engine)
		}
	}
}

func dockerdKilledLiveRestore(t *lab.T) {
	d := t.Dockerd("", "--live-restore")
	l := t.Open(lab.Options{Before: onEngine(d)})
	r := l.Start("fast", lab.Lines("one", "-rate 20000 -count 300000"))
	r.Live(1000)
	d.Kill()
	t.Sleep(3 * time.Second)
	d.Up()
	r.Same(2 * time.Minute)
	r.Once("one", "say")
	l.Agent().Ready(l.Server, time.Minute)
	worksOn(l)
}

func dockerdKilled(t *lab.T) {
	d := t.Dockerd("")
	l := t.Open(lab.Options{Before: onEngine(d)})
	r := l.Start("steady", lab.Lines("one", "-rate 100 -forever"))
	r.Live(100)
	d.Kill()
	t.Sleep(time.Second)
	d.Up()
	r.Lost(2*time.Minute, "Docker was restarted", "Docker")
	r.Once("one", "say")
	l.Agent().Ready(l.Server, time.Minute)
	worksOn(l)
}

func dockerdStopped(t *lab.T) {
	d := t.Dockerd("")
	l := t.Open(lab.Options{Before: onEngine(d)})
	r := l.Start("steady", lab.Lines("one", "-rate 100 -count 3000"))
	r.Live(50)
	d.Signal(syscall.SIGSTOP)
	defer d.Signal(syscall.SIGCONT)
	var problem string
	t.Until("the agent says that Docker does not answer", time.Minute, func() bool {
		a, ok := l.Server.AgentNamed(l.Agent().Name)
		problem = a.Problem
		return ok && problem != ""
	})
	r.Says(problem, "Docker", "docker")
	t.Logf("it says: %s", problem)
	next := l.Start("next", lab.Lines("one", "-count 10"))
	t.Sleep(2 * time.Second)
	next.Never("one", "say")
	lines := r.Tail("one/say").Lines()
	t.Until("lines come while dockerd stands still", 20*time.Second, func() bool { return r.Tail("one/say").Lines() > lines+10 })
	d.Signal(syscall.SIGCONT)
	l.Agent().Ready(l.Server, time.Minute)
	next.Same(time.Minute)
	r.Same(time.Minute)
	r.Once("one", "say")
}

// behindProxy is a lab whose agent reaches the engine of the machine through a proxy that lies.
func behindProxy(t *lab.T, flags ...string) (*lab.Lab, *lab.Socket) {
	s := t.Socket(t.Shared)
	l := t.Open(lab.Options{Agent: flags, Before: func(l *lab.Lab) {
		l.Agent().Uses(s.Engine)
		l.Agent().Engine = t.Shared
	}})
	t.Defer(func() { s.Rules() })
	return l, s
}

func dockerHangs(t *lab.T) {
	l, s := behindProxy(t)
	l.Start("warm", lab.Lines("one", "-count 10")).Same(time.Minute)
	before := l.Agent().Usage()
	for name, rule := range map[string]lab.Rule{
		"create": {Method: "POST", Path: "/containers/create", Do: "hang", Times: 1},
		"start":  {Method: "POST", Path: "/start", Do: "hang", Times: 1},
		"remove": {Method: "DELETE", Path: "/containers/", Do: "hang", Times: 1},
	} {
		s.Rules(rule)
		r := l.Start(name, lab.Lines("one", "-count 10"))
		if run := r.End(2 * time.Minute); run.Result == "passed" {
			r.Same(time.Minute)
			r.Once("one", "say")
		} else {
			r.Lost(time.Minute, "Docker did not answer")
		}
		l.Agent().Ready(l.Server, 2*time.Minute)
		l.Agent().Clean(2 * time.Minute)
	}
	t.Until("no call hangs any more", 4*time.Minute, func() bool { return s.Hung() == 0 })
	if after := l.Agent().Usage(); after.Descriptors > before.Descriptors+10 {
		t.Errorf("the agent had %d descriptors, and has %d", before.Descriptors, after.Descriptors)
	}
}

func dockerLies(t *lab.T) {
	l, s := behindProxy(t)
	for i, rule := range []lab.Rule{
		{Method: "POST", Path: "/containers/create"}, {Method: "POST", Path: "/start"}, {Method: "POST", Path: "/networks/create"},
		{Method: "POST", Path: "/volumes/create"}, {Method: "DELETE", Path: "/containers/"}, {Method: "DELETE", Path: "/networks/"},
		{Method: "DELETE", Path: "/volumes/"},
	} {
		rule.Do, rule.Times = "lie", 1
		s.Rules(rule)
		r := l.Start("l"+string(rune('a'+i)), lab.Lines("one", "-count 10"))
		r.Same(90 * time.Second)
		r.Once("one", "say")
		l.Agent().Ready(l.Server, time.Minute)
		l.Agent().Clean(time.Minute)
	}
}

func dockerFails(t *lab.T) {
	l, s := behindProxy(t)
	for i, rule := range []lab.Rule{
		{Method: "POST", Path: "/containers/create"}, {Method: "POST", Path: "/start"}, {Method: "POST", Path: "/networks/create"},
		{Method: "POST", Path: "/volumes/create"}, {Method: "DELETE", Path: "/containers/"}, {Method: "DELETE", Path: "/networks/"},
		{Method: "DELETE", Path: "/volumes/"}, {Method: "GET", Path: "/images/"}, {Method: "GET", Path: "/containers/"},
	} {
		rule.Do, rule.Times = "error", 1
		s.Rules(rule)
		r := l.Start("l"+string(rune('a'+i)), lab.Lines("one", "-count 10"))
		if run := r.End(90 * time.Second); run.Result == "passed" {
			r.Same(time.Minute)
		} else {
			r.Lost(time.Minute, "the proxy says")
		}
		l.Agent().Ready(l.Server, time.Minute)
		l.Agent().Clean(time.Minute)
	}
}

func dockerAwayAtAdoption(t *lab.T) {
	d := t.Dockerd("", "--live-restore")
	l := t.Open(lab.Options{Before: onEngine(d)})
	r := l.Start("steady", lab.Lines("one", "-rate 100 -count 2500"))
	r.Live(50)
	l.Agent().Kill()
	d.Kill()
	l.Agent().Start()
	t.Sleep(5 * time.Second)
	if j := r.Job("one"); j.State != "running" {
		t.Errorf("the job is %s %s (%s) while Docker is away, and was to keep its state", j.State, j.Result, j.Cause)
	}
	d.Up()
	r.Same(2 * time.Minute)
	r.Once("one", "say")
}

func containerdKilled(t *lab.T)     { killedBelow(t, "containerd") }
func containerdShimKilled(t *lab.T) { killedBelow(t, "containerd-shim") }

// killedBelow kills processes under dockerd while a job runs.
func killedBelow(t *lab.T, name string) {
	d := t.Dockerd("")
	l := t.Open(lab.Options{Before: onEngine(d)})
	r := l.Start("steady", lab.Lines("one", "-rate 100 -count 1500"))
	r.Live(50)
	pids := d.Named(name)
	if len(pids) == 0 {
		t.Fatalf("this dockerd has no %s of its own", name)
	}
	for _, pid := range pids {
		t.Logf("%s (%d) gets killed", name, pid)
		t.Must(syscall.Kill(pid, syscall.SIGKILL), "killing %s", name)
	}
	if run := r.End(90 * time.Second); run.Result == "passed" {
		r.Same(time.Minute)
	} else {
		r.Lost(time.Minute, "Docker", "container")
	}
	l.Agent().Ready(l.Server, time.Minute)
	worksOn(l)
}
