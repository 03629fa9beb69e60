package faults

import (
	"fmt"
	"syscall"
	"time"

	"github.com/tutti-ci/tutti/scripts/faulting/lab"
)

// agentFaults are those of the agent's process.
func agentFaults() []Fault {
	return []Fault{
		{
			Name: "agent-killed", CI: true, What: "the agent is killed in the middle of two jobs and started again", How: "kill -9, 3 s away",
			Expect: "the same processes go on, no byte is missing, the job says that the agent was restarted", Run: agentKilled,
		},
		{
			Name: "agent-killed-five-times", CI: true, What: "the agent is killed again and again in one job", How: "kill -9, five times",
			Expect: "the same process goes on, no byte is missing", Run: agentKilledFiveTimes,
		},
		{
			Name: "agent-killed-fast-log", What: "the agent is killed while a log comes as fast as it can", How: "kill -9, twice",
			Expect: "the same process goes on, no byte is missing", Run: agentKilledFastLog,
		},
		{
			Name: "agent-away-at-exit", CI: true, What: "a process ends while there is no agent", How: "kill -9; back after its end",
			Expect: "its exit code and its last byte arrive", Run: agentAwayAtExit,
		},
		{
			Name: "agent-killed-between", What: "the agent is killed between two activities", How: "failpoint, then killed",
			Expect: "each activity runs once", Run: agentKilledBetween,
		},
		{
			Name: "agent-gone-past-fence", CI: true, What: "the agent is killed and stays away for longer than the fence", How: "kill -9",
			Expect: "the process is ended by its own shim at the lease; the job is lost and says why", Run: agentGone,
		},
		{
			Name: "agent-stopped-and-continued", CI: true, What: "the agent stands still, for less than the fence", How: "SIGSTOP, SIGCONT",
			Expect: "the job says that its agent was not heard of; that clears, and the job goes on", Run: agentStopped,
		},
		{
			Name: "agent-stopped-past-fence", CI: true, What: "the agent stands still for longer than the fence, and the job runs on another", How: "SIGSTOP, SIGCONT, two agents",
			Expect: "the old process is dead before the new one begins; what the old agent says then changes nothing", Run: agentStoppedPastFence,
		},
		{
			Name: "both-killed", CI: true, What: "server and agent are killed at the same time", How: "kill -9 of both",
			Expect: "the same processes go on, no byte is missing", Run: bothKilled,
		},
	}
}

// steady are two jobs whose logs come for about so many seconds.
func steady(seconds int) []lab.Job {
	args := fmt.Sprintf("-rate 100 -count %d", 100*seconds)
	return []lab.Job{lab.Lines("one", args), lab.Lines("two", args)}
}

func agentKilled(t *lab.T) {
	l := t.Open(lab.Options{})
	r := l.Start("steady", steady(12)...)
	r.Live(100)
	l.Agent().Kill()
	t.Sleep(3 * time.Second)
	l.Agent().Start()
	run := r.Same(90 * time.Second)
	for _, j := range run.Jobs {
		r.Once(j.Name, "say")
		r.Says(j.Note, "restarted")
	}
}

func agentKilledFiveTimes(t *lab.T) {
	l := t.Open(lab.Options{})
	r := l.Start("steady", lab.Lines("one", "-rate 100 -count 2000"))
	for range 5 {
		r.Reads("one/say", r.Tail("one/say").Lines()+50, time.Minute)
		l.Agent().Kill()
		t.Sleep(time.Duration(t.Rand.IntN(1000)) * time.Millisecond)
		l.Agent().Start()
	}
	r.Same(2 * time.Minute)
	r.Once("one", "say")
}

func agentKilledFastLog(t *lab.T) {
	l := t.Open(lab.Options{})
	r := l.Start("fast", lab.Lines("one", "-count 2000000"))
	for range 2 {
		r.Reads("one/say", r.Tail("one/say").Lines()+1000, time.Minute)
		l.Agent().Kill()
		t.Sleep(time.Second)
		l.Agent().Start()
	}
	r.Same(2 * time.Minute)
	r.Once("one", "say")
}

func agentAwayAtExit(t *lab.T) {
	l := t.Open(lab.Options{})
	r := l.Start("short", lab.Lines("good", "-rate 100 -count 400"), lab.Lines("bad", "-rate 100 -count 400 -exit 7"))
	r.Live(50)
	r.Began("good", "say", time.Minute)
	r.Began("bad", "say", time.Minute)
	l.Agent().Kill()
	t.Until("both processes are over", 30*time.Second, func() bool { return len(t.Watch.Alive(t.Name)) == 0 })
	l.Agent().Start()
	run := r.End(time.Minute)
	for _, j := range run.Jobs {
		want := map[string]int{"good": 0, "bad": 7}[j.Name]
		if got := j.Activities[0].ExitCode; got == nil || *got != want {
			t.Errorf("job %s is %s (%s), and was to end with exit code %d", j.Name, j.Result, j.Cause, want)
		}
		r.Whole(j, j.Activities[0])
		r.Once(j.Name, "say")
	}
}

func agentKilledBetween(t *lab.T) {
	l := t.Open(lab.Options{Away: true})
	l.Agent().Up(l.Server, "TUTTI_FAILPOINTS=agent.after_exit_before_result=kill9")
	r := l.Start("three", lab.Job{Name: "one", Steps: []lab.Step{
		{Name: "first", Lines: "-count 50"}, {Name: "second", Lines: "-count 50"}, {Name: "third", Lines: "-rate 50 -count 100"},
	}})
	l.Agent().Died(time.Minute)
	l.Agent().Start()
	r.Same(time.Minute)
	for _, step := range []string{"first", "second", "third"} {
		r.Once("one", step)
	}
}

func agentGone(t *lab.T) {
	l := t.Open(lab.Options{Server: lab.Short})
	r := l.Start("long", lab.Lines("one", "-rate 50 -forever"))
	r.Live(50)
	r.Began("one", "say", time.Minute)
	began := time.Now()
	l.Agent().Kill()
	t.Until("the job says that its agent is away", lab.Suspect+15*time.Second, func() bool { return r.Job("one").WaitsFor != "" })
	t.Logf("it says: %s", r.Job("one").WaitsFor)
	t.Until("the process is dead", 2*lab.Fence, func() bool { return len(t.Watch.Alive(t.Name)) == 0 })
	if took := time.Since(began); took > lab.Fence+5*time.Second {
		t.Errorf("the process lived for %s after its agent, and the fence is %s", took, lab.Fence)
	}
	r.Lost(2*time.Minute, "heard", "lost")
	r.Once("one", "say")
	l.Agent().Up(l.Server) // and cleans up
	l.Agent().Clean(time.Minute)
}

func agentStopped(t *lab.T) {
	l := t.Open(lab.Options{Server: []string{"--suspect", "4s", "--fence", "60s"}})
	r := l.Start("steady", lab.Lines("one", "-rate 50 -count 1000"))
	r.Live(50)
	l.Agent().Signal(syscall.SIGSTOP)
	t.Until("the job says that its agent is away", 30*time.Second, func() bool { return r.Job("one").WaitsFor != "" })
	t.Logf("it says: %s", r.Job("one").WaitsFor)
	l.Agent().Signal(syscall.SIGCONT)
	t.Until("the job says nothing any more", 30*time.Second, func() bool { return r.Job("one").WaitsFor == "" })
	r.Same(time.Minute)
	r.Once("one", "say")
}

// retried is a job that begins again once if it is lost.
func retried(args string) lab.Job {
	j := lab.Lines("one", args)
	j.Extra = "    retries = { lost = 1 }"
	return j
}

func agentStoppedPastFence(t *lab.T) {
	l := t.Open(lab.Options{Agents: 2, Server: lab.Short})
	r := l.Start("long", retried("-rate 50 -count 2000"))
	r.Live(50)
	first := r.Job("one").Agent
	for _, a := range l.Agents {
		if a.Name == first {
			a.Signal(syscall.SIGSTOP)
			defer a.Signal(syscall.SIGCONT)
		}
	}
	t.Until("a second process began", 3*lab.Fence, func() bool { return len(r.Processes("one", "say")) == 2 })
	for _, a := range l.Agents {
		if a.Name == first {
			a.Signal(syscall.SIGCONT)
		}
	}
	run := r.End(2 * time.Minute)
	t.Check(lab.Apart(r.Processes("one", "say")), "the processes of both epochs")
	if j := run.Jobs[0]; run.Result != "passed" || j.Epoch != 2 || j.Agent == first || len(j.Attempts) != 1 {
		t.Errorf("the run is %s, at epoch %d on %s after %d attempts", run.Result, j.Epoch, j.Agent, len(j.Attempts))
	}
}

func bothKilled(t *lab.T) {
	l := t.Open(lab.Options{})
	r := l.Start("steady", steady(12)...)
	r.Live(100)
	l.Server.Kill()
	l.Agent().Kill()
	t.Sleep(2 * time.Second)
	l.Agent().Start()
	t.Sleep(time.Second)
	l.Server.Up()
	r.Same(90 * time.Second)
	r.Once("one", "say")
	r.Once("two", "say")
}
