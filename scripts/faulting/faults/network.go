package faults

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/tutti-ci/tutti/agent/wire/wiretest"
	"github.com/tutti-ci/tutti/scripts/faulting/lab"
	"github.com/tutti-ci/tutti/scripts/faulting/oracle"
)

// networkFaults are those between the agents and the server.
func networkFaults() []Fault {
	const same = "the same process goes on, no byte is missing"
	return []Fault{
		{
			Name: "partition", CI: true, What: "no packet passes between agent and server, for less than the fence", How: "network namespace, iptables, 15 s",
			Expect: "the job says that its agent was not heard of; that clears; " + same, Run: partition,
		},
		{
			Name: "partition-past-fence", What: "no packet passes for longer than the fence", How: "network namespace, iptables, two agents",
			Expect: "the agent ends the process before the server gives the job to another; never two at once", Run: partitionPastFence,
		},
		{
			Name: "one-way-to-agent", CI: true, What: "what the server sends is lost, what the agent sends arrives", How: "network namespace, iptables, 50 s",
			Expect: "both ends see that the connection is dead; " + same, Run: oneWay("INPUT"),
		},
		{
			Name: "one-way-to-server", What: "what the agent sends is lost, what the server sends arrives", How: "network namespace, iptables, 50 s",
			Expect: "both ends see that the connection is dead; " + same, Run: oneWay("OUTPUT"),
		},
		{
			Name: "lost-packets", What: "every fifth packet is lost, both ways", How: "network namespace, iptables", Expect: same, Run: lostPackets,
		},
		{
			Name: "half-open", What: "connections stay open and carry nothing; new ones work after a while", How: "proxy that holds everything back for 60 s",
			Expect: "both ends give the connections up; " + same, Run: halfOpen,
		},
		{
			Name: "slow-network", What: "1 KiB a second, half a second each way", How: "proxy", Limit: 5 * time.Minute,
			Expect: "the lease is renewed all the time; the log is late, and whole", Run: slowNetwork,
		},
		{
			Name: "idle-cutting-proxy", What: "a proxy cuts connections that are silent for 25 s", How: "proxy, a silent job",
			Expect: "the connection is never cut, because it is never silent", Run: idleProxy,
		},
		{
			Name: "cut-every-second", CI: true, What: "all connections of the agent are cut every second", How: "proxy, 15 times", Expect: same, Run: cutEverySecond,
		},
		{
			Name: "reader-cut-every-2s", What: "the connection of a reader is cut every two seconds", How: "proxy before the server, tutti logs -f",
			Expect: "it reads each byte once", Run: readerCut,
		},
		{
			Name: "messages-mangled", CI: true, What: "messages come twice, late, in another order", How: "websocket proxy, one in ten of each",
			Expect: same, Run: mangled(wiretest.Faults{Duplicate: 0.1, Reorder: 0.1, Delay: 0.1, Late: 300 * time.Millisecond}),
		},
		{
			Name: "messages-corrupted", What: "a bit of a message is another, or a message is missing", How: "websocket proxy, one in fifty",
			Expect: "the connection is closed and made again; " + same, Run: mangled(wiretest.Faults{Corrupt: 0.02, Drop: 0.01, Late: 300 * time.Millisecond}),
		},
		{
			Name: "server-moves", What: "the server is started again at another address, and the agent is told", How: "kill -9, restart of both with other flags",
			Expect: same, Run: serverMoves,
		},
	}
}

// awayShown waits until the job says that its agent is away.
func awayShown(t *lab.T, r *lab.Run, limit time.Duration) {
	var words string
	t.Until("the job says that its agent is away", limit, func() bool {
		words = r.Job("one").WaitsFor
		return words != ""
	})
	t.Logf("it says: %s", words)
	r.Says(words, "heard")
}

func partition(t *lab.T) {
	l, space := t.InSpace(lab.Options{Server: []string{"--suspect", "6s", "--fence", "90s"}})
	r := l.Start("steady", lab.Lines("one", "-rate 100 -count 3000"))
	r.Live(50)
	space.Drop("INPUT", 100)
	space.Drop("OUTPUT", 100)
	awayShown(t, r, 15*time.Second)
	t.Sleep(5 * time.Second)
	space.Heal()
	t.Until("the job says nothing any more", time.Minute, func() bool { return r.Job("one").WaitsFor == "" })
	r.Same(2 * time.Minute)
	r.Once("one", "say")
}

func partitionPastFence(t *lab.T) {
	second := 0
	l, space := t.InSpace(lab.Options{Agents: 2, Server: lab.Short, Before: func(l *lab.Lab) {
		l.Agents[1].Args = l.Agents[1].Args[2:] // outside
		second = 1
	}, Away: true})
	l.Agents[0].Up(l.Server)
	r := l.Start("long", retried("-rate 50 -count 1500"))
	r.Live(50)
	l.Agents[second].Up(l.Server)
	space.Drop("INPUT", 100)
	space.Drop("OUTPUT", 100)
	t.Until("a second process began", 3*lab.Fence, func() bool { return len(r.Processes("one", "say")) == 2 })
	t.Check(lab.Apart(r.Processes("one", "say")), "the processes of both epochs")
	space.Heal()
	run := r.End(2 * time.Minute)
	t.Check(lab.Apart(r.Processes("one", "say")), "the processes of both epochs")
	if j := run.Jobs[0]; run.Result != "passed" || j.Epoch != 2 {
		t.Errorf("the run is %s (%s), at epoch %d", run.Result, run.Cause, j.Epoch)
	}
	r.Whole(run.Jobs[0], run.Jobs[0].Activities[0])
	l.Agents[0].Ready(l.Server, time.Minute)
}

// reconnects waits until the agent has a newer session.
func reconnects(t *lab.T, l *lab.Lab, old int64) {
	t.Until("there is a new session", time.Minute, func() bool {
		now, ok := l.Server.AgentNamed(l.Agent().Name)
		return ok && now.Online && now.Session > old
	})
}

// oneWay makes a fault that drops what passes a chain of the agent's network.
func oneWay(chain string) func(t *lab.T) {
	return func(t *lab.T) {
		l, space := t.InSpace(lab.Options{})
		r := l.Start("steady", lab.Lines("one", "-rate 50 -count 4000"))
		r.Live(50)
		a, _ := l.Server.AgentNamed(l.Agent().Name)
		space.Drop(chain, 100)
		t.Until("the server sees that the connection is dead", time.Minute, func() bool {
			now, ok := l.Server.AgentNamed(l.Agent().Name)
			return ok && !now.Online
		})
		space.Heal()
		reconnects(t, l, a.Session)
		r.Same(2 * time.Minute)
		r.Once("one", "say")
	}
}

func lostPackets(t *lab.T) {
	l, space := t.InSpace(lab.Options{})
	space.Drop("INPUT", 20)
	space.Drop("OUTPUT", 20)
	r := l.Start("steady", steady(20)...)
	r.Same(150 * time.Second)
	space.Heal()
}

func halfOpen(t *lab.T) {
	l := t.Open(lab.Options{Proxied: true})
	r := l.Start("steady", lab.Lines("one", "-rate 100 -count 8000"))
	r.Live(50)
	a, _ := l.Server.AgentNamed(l.Agent().Name)
	l.Link.Set(wiretest.Conditions{NoUp: true, NoDown: true})
	t.Sleep(60 * time.Second)
	l.Link.Set(wiretest.Conditions{})
	reconnects(t, l, a.Session)
	r.Same(2 * time.Minute)
	r.Once("one", "say")
}

func slowNetwork(t *lab.T) {
	l := t.Open(lab.Options{Proxied: true, Server: []string{"--fence", "2m"}})
	r := l.Start("steady", lab.Lines("one", "-rate 100 -count 3000"))
	r.Live(10)
	l.Link.Set(wiretest.Conditions{Rate: 1 << 10, Latency: 500 * time.Millisecond})
	for began := time.Now(); time.Since(began) < 100*time.Second; t.Sleep(time.Second) {
		if j := r.Job("one"); j.State != "running" || j.WaitsFor != "" {
			t.Fatalf("the job is %s (%s), and says %q", j.State, j.Cause, j.WaitsFor)
		}
	}
	l.Link.Set(wiretest.Conditions{})
	r.Same(2 * time.Minute)
	r.Once("one", "say")
}

func idleProxy(t *lab.T) {
	l := t.Open(lab.Options{Proxied: true})
	l.Link.Set(wiretest.Conditions{Idle: 25 * time.Second})
	a, _ := l.Server.AgentNamed(l.Agent().Name)
	r := l.Start("silent", lab.Job{Name: "one", Steps: []lab.Step{{Name: "wait", Script: "sleep 70"}, {Name: "say", Lines: "-count 100"}}})
	r.Same(2 * time.Minute)
	if now, _ := l.Server.AgentNamed(l.Agent().Name); now.Session != a.Session {
		t.Errorf("the agent's session was %d, and is %d: the connection was cut", a.Session, now.Session)
	}
}

func cutEverySecond(t *lab.T) {
	l := t.Open(lab.Options{Proxied: true})
	r := l.Start("steady", append(steady(20), lab.Lines("fast", "-count 300000"))...)
	r.Live(50)
	for range 15 {
		t.Sleep(time.Second)
		l.Link.Cut()
	}
	r.Same(90 * time.Second)
	for _, job := range []string{"one", "two", "fast"} {
		r.Once(job, "say")
	}
}

func readerCut(t *lab.T) {
	l := t.Open(lab.Options{})
	link := t.Link(l.Server.Address)
	r := l.Start("steady", lab.Lines("one", "-rate 500 -count 15000"))
	r.Live(50)
	stop := make(chan struct{})
	var cutting sync.WaitGroup
	cutting.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(2 * time.Second):
				link.Cut()
			}
		}
	})
	defer cutting.Wait()
	defer close(stop)
	code, words := t.Command([]string{"TUTTI_SERVER=" + link.URL(), "TUTTI_TOKEN=" + l.Server.API.Token}, t.Tutti, "logs", "-f", fmt.Sprint(r.ID), "one/say")
	var check oracle.Check
	_, _ = check.Write([]byte(words)) // it never fails
	t.Check(check.Whole(), "what tutti logs -f read")
	if code != 0 {
		t.Errorf("tutti logs -f ended with exit code %d", code)
	}
	r.Same(time.Minute)
}

// mangled makes a fault that hurts the messages of a job's whole life.
func mangled(f wiretest.Faults) func(t *lab.T) {
	return func(t *lab.T) {
		l := t.Open(lab.Options{Mangled: &f})
		r := l.Start("steady", steady(20)...)
		r.Same(150 * time.Second)
		r.Once("one", "say")
		r.Once("two", "say")
		t.Logf("the proxy did %+v", l.Mangler.Counts())
		if c := l.Mangler.Counts(); c.Duplicated+c.Reordered+c.Delayed+c.Corrupted+c.Dropped < 5 {
			t.Errorf("the proxy did next to nothing: %+v", c)
		}
		l.Mangler.Set(wiretest.Faults{}) // the last words of the agent pass
		l.Agent().Ready(l.Server, time.Minute)
	}
}

func serverMoves(t *lab.T) {
	l := t.Open(lab.Options{})
	r := l.Start("steady", lab.Lines("one", "-rate 100 -count 2000"))
	r.Live(50)
	l.Server.Kill()
	url := l.Server.Move()
	l.Server.Up()
	l.Agent().Kill()
	l.Agent().Args[slices.Index(l.Agent().Args, "--server")+1] = url
	l.Agent().Start()
	r.Same(90 * time.Second)
	r.Once("one", "say")
}
