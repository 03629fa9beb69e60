package faults

import (
	"fmt"
	"syscall"
	"time"

	"github.com/tutti-ci/tutti/scripts/faulting/lab"
)

// serverFaults are those of the server's process.
func serverFaults() []Fault {
	return []Fault{
		{
			Name: "server-killed", CI: true, What: "the server is killed while two jobs stream", How: "kill -9, 3 s away",
			Expect: "the same processes go on; readers come back by themselves; no byte is missing", Run: serverKilled,
		},
		{
			Name: "server-killed-many", What: "the server is killed while 50 runs stream or wait", How: "kill -9", Alone: true, Limit: 6 * time.Minute,
			Expect: "the 50 runs pass with whole logs", Run: serverKilledMany,
		},
		{
			Name: "server-restarts-in-a-loop", What: "the server is started again ten times", How: "kill -9 and SIGTERM by turns",
			Expect: "no run is lost, no byte is missing", Run: serverLoop,
		},
		{
			Name: "server-stopped-60s", What: "the server stands still for a minute", How: "SIGSTOP, SIGCONT",
			Expect: "the agent connects again; the job goes on", Run: serverStopped,
		},
		{
			Name: "server-killed-granting", CI: true, What: "the server is killed before and after each write of a grant", How: "failpoints, three servers",
			Expect: "each job runs, its process begins once", Run: serverKilledGranting,
		},
		{
			Name: "server-killed-storing-logs", CI: true, What: "the server is killed between write, fsync and acknowledgement of log bytes", How: "failpoints",
			Expect: "no byte is missing or there twice", Run: serverKilledStoring,
		},
		{
			Name: "server-killed-at-result", CI: true, What: "the server is killed after it stored a result, before it says so", How: "failpoint",
			Expect: "the result arrives again and changes nothing; one end in the history", Run: serverKilledAtResult,
		},
	}
}

func serverKilled(t *lab.T) {
	l := t.Open(lab.Options{})
	r := l.Start("steady", steady(12)...)
	r.Live(100)
	l.Server.Kill()
	t.Sleep(3 * time.Second)
	l.Server.Up()
	r.Same(90 * time.Second)
	r.Once("one", "say")
	r.Once("two", "say")
}

func serverKilledMany(t *lab.T) {
	d := t.Dockerd("") // the engine of the machine has not the addresses for so many networks
	l := t.Open(lab.Options{Capacity: 25, Agents: 2, Before: onEngine(d)})
	jobs := []lab.Job{lab.Lines("one", "-rate 20 -count 600")}
	runs := []*lab.Run{l.Start("many", jobs...)}
	for range 49 {
		runs = append(runs, l.Again("many", jobs...))
	}
	for _, r := range runs[:20] {
		r.Live(5)
	}
	l.Server.Kill()
	t.Sleep(2 * time.Second)
	l.Server.Up()
	for _, r := range runs {
		r.Same(4 * time.Minute)
		r.Once("one", "say")
	}
}

func serverLoop(t *lab.T) {
	l := t.Open(lab.Options{})
	r := l.Start("steady", steady(40)...)
	r.Live(50)
	for i := range 10 {
		if i%2 == 0 {
			l.Server.Kill()
		} else {
			l.Server.Stop(15 * time.Second)
		}
		l.Server.Up()
		t.Sleep(time.Duration(500+t.Rand.IntN(2000)) * time.Millisecond)
	}
	r.Same(2 * time.Minute)
	r.Once("one", "say")
	r.Once("two", "say")
}

func serverStopped(t *lab.T) {
	l := t.Open(lab.Options{})
	r := l.Start("steady", steady(80)...)
	r.Live(50)
	l.Server.Signal(syscall.SIGSTOP)
	t.Sleep(60 * time.Second)
	l.Server.Signal(syscall.SIGCONT)
	r.Same(2 * time.Minute)
	r.Once("one", "say")
	r.Once("two", "say")
}

func serverKilledGranting(t *lab.T) {
	l := t.Open(lab.Options{})
	for i, point := range []string{"server.before_offer_tx", "server.after_offer_tx", "server.after_running_tx"} {
		l.Server.Stop(15 * time.Second)
		l.Server.Up("TUTTI_FAILPOINTS=" + point + "=kill9")
		l.Agent().Ready(l.Server, time.Minute)
		r := l.StartDeadly(fmt.Sprintf("g%d", i), lab.Lines("one", "-rate 100 -count 100"))
		run := r.End(90 * time.Second)
		if run.Result != "passed" {
			t.Errorf("after a death at %s the run is %s: %s", point, run.Result, run.Cause)
		}
		r.Whole(run.Jobs[0], run.Jobs[0].Activities[0])
		r.Once("one", "say")
	}
}

func serverKilledStoring(t *lab.T) {
	l := t.Open(lab.Options{})
	r := l.Start("steady", steady(20)...)
	r.Live(50)
	for i, point := range []string{"logs.after_write_before_fsync", "logs.after_fsync_before_ack", "logs.after_write_before_fsync"} {
		l.Server.Stop(15 * time.Second)
		l.Server.Start(fmt.Sprintf("TUTTI_FAILPOINTS=%s=%d*off->kill9", point, i))
		l.Server.Died(time.Minute)
		l.Server.Up()
	}
	r.Same(2 * time.Minute)
	r.Once("one", "say")
	r.Once("two", "say")
}

func serverKilledAtResult(t *lab.T) {
	l := t.Open(lab.Options{Away: true})
	l.Server.Stop(15 * time.Second)
	l.Server.Up("TUTTI_FAILPOINTS=server.after_result_tx=kill9")
	l.Agent().Up(l.Server)
	r := l.Start("short", lab.Lines("one", "-rate 100 -count 100"))
	l.Server.Died(time.Minute)
	l.Server.Up()
	r.Same(90 * time.Second)
	r.Once("one", "say")
	r.OneEnd()
	l.Agent().Clean(time.Minute)
}
