package faults

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/scripts/faulting/lab"
)

// adminFaults are those that admins make: upgrades, copies, clocks, wrong versions.
func adminFaults() []Fault {
	return []Fault{
		{
			Name: "agent-upgraded", CI: true, What: "the agent is replaced by another program file while two jobs run, and back", How: "tutti agent handoff, SIGUSR2",
			Expect: "the same processes go on, no byte is missing", Run: agentUpgraded,
		},
		{
			Name: "agent-drained", CI: true, What: "the agent is told to stop while a job runs", How: "SIGTERM, another agent waits",
			Expect: "the job comes to its end; new ones go to the other agent; the process ends by itself", Run: agentDrained,
		},
		{
			Name: "agent-told-twice", What: "the agent is told to stop twice while a job runs", How: "SIGTERM, SIGTERM",
			Expect: "the process of the job ends; the job is lost because the agent was stopped; nothing is left", Run: agentToldTwice,
		},
		{
			Name: "agent-killed-draining", What: "the agent is killed while it drains", How: "SIGTERM, kill -9, restart",
			Expect: "the same process goes on, no byte is missing", Run: agentKilledDraining,
		},
		{
			Name: "agent-killed-handing-off", What: "the agent is killed in the middle of a handoff", How: "failpoint",
			Expect: "the same process goes on, no byte is missing", Run: agentKilledHandingOff,
		},
		{
			Name: "agents-in-a-storm", What: "the agent is started and ended ten times in 20 s", How: "SIGUSR2 and kill -9 by turns",
			Expect: "the same process goes on, no byte is missing", Run: agentStorm,
		},
		{
			Name: "identity-copied", CI: true, What: "the agent's data folder is copied to another host while a job runs", How: "copied folder, another boot id",
			Expect: "the second one is refused in a sentence that names both; the job goes on; the conflict is visible", Run: identityCopied,
		},
		{
			Name: "identity-copied-on-host", What: "a copy of the agent's data folder is used on the same host while a job runs", How: "copied folder, 25 s",
			Expect: "both are refused after a while, or one of them; it is visible; the job goes on when there is one again", Run: identityCopiedOnHost, Limit: 11 * time.Minute,
		},
		{
			Name: "versions-do-not-fit", What: "an agent is too old, or too new, for the server", How: "agents that speak other versions of the protocol",
			Expect: "it is refused with one sentence, and tutti agents shows it", Run: versionsDoNotFit,
		},
		{
			Name: "server-clock-jumps", What: "the server's clock jumps by hours and years, both ways", How: "wall clock of the failpoints build",
			Expect: "no lease expires, the job goes on, only displayed times change", Run: clockJumps,
		},
		{
			Name: "host-rebooted", CI: true, What: "the host of the agent is rebooted", How: "own dockerd and agent killed with all containers, another boot id",
			Expect: "the job is lost because the host was rebooted; nothing is left; the next job runs", Run: hostRebooted,
		},
	}
}

func agentUpgraded(t *lab.T) {
	l := t.Open(lab.Options{})
	r := l.Start("steady", steady(20)...)
	r.Live(50)
	other := filepath.Join(t.Dir, "tutti-next")
	program, err := os.ReadFile(t.Tutti)
	t.Must(err, "copying the program")
	t.Must(os.WriteFile(other, program, 0o755), "copying the program")
	for _, next := range []string{other, t.Tutti} {
		if code, words := t.Command(nil, t.Tutti, "agent", "handoff", "--data", l.Agent().Data); code != 0 {
			t.Fatalf("the handoff failed: %s", words)
		}
		if code := l.Agent().ExitCode(15 * time.Second); code != 0 {
			t.Errorf("the agent ended with exit code %d", code)
		}
		l.Agent().Args[0] = next
		l.Agent().Up(l.Server)
		t.Sleep(2 * time.Second)
	}
	r.Same(time.Minute)
	r.Once("one", "say")
	r.Once("two", "say")
}

func agentDrained(t *lab.T) {
	l := t.Open(lab.Options{Agents: 2, Away: true})
	first := l.Agents[0]
	first.Up(l.Server)
	r := l.Start("steady", lab.Lines("one", "-rate 100 -count 1000"))
	r.Live(50)
	l.Agents[1].Up(l.Server)
	first.Signal(syscall.SIGTERM)
	t.Until("the agent takes no work", 15*time.Second, func() bool {
		a, ok := l.Server.AgentNamed(first.Name)
		return ok && (a.Problem != "" || a.Capacity == 0)
	})
	next := l.Start("next", lab.Lines("one", "-count 10")).Same(time.Minute)
	if next.Jobs[0].Agent == first.Name {
		t.Errorf("the agent took a job after it was told to stop")
	}
	r.Same(time.Minute)
	if code := first.ExitCode(time.Minute); code != 0 {
		t.Errorf("the agent ended with exit code %d", code)
	}
	r.Once("one", "say")
}

func agentToldTwice(t *lab.T) {
	l := t.Open(lab.Options{})
	r := l.Start("long", lab.Lines("one", "-rate 100 -forever"))
	r.Live(50)
	l.Agent().Signal(syscall.SIGTERM)
	t.Sleep(2 * time.Second)
	if len(t.Watch.Alive(t.Name+"/")) == 0 {
		t.Errorf("the first SIGTERM ended the job")
	}
	l.Agent().Signal(syscall.SIGTERM)
	if !l.Agent().Ended(time.Minute) {
		t.Fatalf("the agent does not end")
	}
	r.Lost(30*time.Second, "stopped")
}

func agentKilledDraining(t *lab.T) {
	l := t.Open(lab.Options{})
	r := l.Start("steady", lab.Lines("one", "-rate 100 -count 1500"))
	r.Live(50)
	l.Agent().Signal(syscall.SIGTERM)
	t.Sleep(2 * time.Second)
	l.Agent().Kill()
	l.Agent().Up(l.Server)
	r.Same(time.Minute)
	r.Once("one", "say")
}

func agentKilledHandingOff(t *lab.T) {
	l := t.Open(lab.Options{Away: true})
	l.Agent().Up(l.Server, "TUTTI_FAILPOINTS=agent.during_handoff=kill9")
	r := l.Start("steady", steady(12)...)
	r.Live(50)
	l.Agent().Signal(syscall.SIGUSR2)
	l.Agent().Died(15 * time.Second)
	l.Agent().Up(l.Server)
	r.Same(time.Minute)
	r.Once("one", "say")
	r.Once("two", "say")
}

func agentStorm(t *lab.T) {
	l := t.Open(lab.Options{})
	r := l.Start("steady", steady(35)...)
	r.Live(50)
	for i := range 10 {
		if i%2 == 0 {
			l.Agent().Kill()
		} else {
			l.Agent().Signal(syscall.SIGUSR2)
			if !l.Agent().Ended(15 * time.Second) {
				t.Fatalf("the agent does not end")
			}
		}
		l.Agent().Start()
		t.Sleep(time.Duration(t.Rand.IntN(3000)) * time.Millisecond)
	}
	r.Same(2 * time.Minute)
	r.Once("one", "say")
	r.Once("two", "say")
}

// otherBoot makes a process see another boot id than the host's: it runs in a mount namespace of its own.
func otherBoot(t *lab.T, p *lab.Process) {
	file := filepath.Join(t.Dir, p.Name+"-boot-id")
	t.Must(os.WriteFile(file, []byte("11111111-2222-4333-8444-"+fmt.Sprintf("%012d", t.Rand.IntN(1e9))+"\n"), 0o644), "making a boot id")
	script := "mount --bind " + file + ` /proc/sys/kernel/random/boot_id && exec "$@"`
	p.Args = append([]string{"unshare", "--mount", "--propagation", "unchanged", "sh", "-c", "mount --make-private /proc && " + script, "sh"}, p.Args...)
}

func identityCopied(t *lab.T) {
	elsewhere := t.Dockerd("") // the other host's
	l := t.Open(lab.Options{})
	r := l.Start("steady", lab.Lines("one", "-rate 100 -count 1500"))
	r.Live(50)
	double := filepath.Join(t.Dir, "copied")
	if code, words := t.Command(nil, "cp", "--archive", l.Agent().Data, double); code != 0 {
		t.Fatalf("copying the folder: %s", words)
	}
	second := t.Process("second", slices.Clone(l.Agent().Args)...)
	second.Args[slices.Index(second.Args, "--data")+1] = double
	second.Args[slices.Index(second.Args, "--name")+1] = "second"
	second.Env = []string{"DOCKER_HOST=unix://" + elsewhere.Socket}
	otherBoot(t, second)
	second.Start()
	t.Until("the second one is refused", 30*time.Second, func() bool { return strings.Contains(second.Says(), "copied to second") })
	_, shown := l.Server.Tutti("agents")
	r.Says(shown, "duplicate", "copied", "second", "same identity")
	second.Kill()
	r.Same(time.Minute)
	r.Once("one", "say")
}

func identityCopiedOnHost(t *lab.T) {
	l := t.Open(lab.Options{})
	r := l.Start("steady", lab.Lines("one", "-rate 100 -count 4000"))
	r.Live(50)
	double := filepath.Join(t.Dir, "copied")
	if code, words := t.Command(nil, "cp", "--archive", l.Agent().Data, double); code != 0 {
		t.Fatalf("copying the folder: %s", words)
	}
	second := t.Process("second", slices.Clone(l.Agent().Args)...)
	second.Args[slices.Index(second.Args, "--data")+1] = double
	second.Args[slices.Index(second.Args, "--name")+1] = "second"
	second.Start()
	t.Sleep(25 * time.Second)
	_, shown := l.Server.Tutti("agents")
	r.Says(shown+second.Says(), "duplicate", "copied", "in use")
	second.Kill()
	r.Same(9 * time.Minute)
	r.Once("one", "say")
	l.Agent().Stop(time.Minute)
	l.Agent().Up(l.Server) // and removes what its double left
}

func versionsDoNotFit(t *lab.T) {
	l := t.Open(lab.Options{Away: true})
	for name, version := range map[string]int{"too-old": 1, "too-new": 99} {
		c, err := wire.Dialer{URL: l.Server.API.Server, Token: l.Server.AgentToken()}.Control(t.Ctx)
		t.Must(err, "connecting as an agent")
		t.Must(c.Send(wire.Hello{MinProtocol: version, MaxProtocol: version, Agent: "a" + name, Instance: name, Name: name, Version: "v0"}), "saying hello")
		answer, err := c.Receive()
		t.Must(err, "reading the answer")
		var refused wire.Refused
		if answer.Kind != wire.KindRefused {
			t.Errorf("an agent that is %s is answered %s", name, answer.Kind)
		} else {
			t.Must(answer.Into(&refused), "reading the answer")
			t.Logf("an agent that is %s hears: %s", name, refused.Reason)
		}
		c.Close(wire.CloseNormal, "")
		_, shown := l.Server.Tutti("agents")
		if !strings.Contains(shown, name) {
			t.Errorf("tutti agents does not show the agent that is %s: %s", name, shown)
		}
	}
	l.Agent().Up(l.Server)
}

func clockJumps(t *lab.T) {
	file := filepath.Join(t.Dir, "clock")
	set := func(d time.Duration) {
		t.Logf("the clock is off by %s", d)
		t.Must(os.WriteFile(file+".new", []byte(d.String()), 0o644), "setting a clock")
		t.Must(os.Rename(file+".new", file), "setting a clock")
	}
	set(0)
	l := t.Open(lab.Options{Server: []string{"--suspect", "10s", "--fence", "60s"}, Before: func(l *lab.Lab) {
		l.Server.Env = append(l.Server.Env, "TUTTI_CLOCK="+file)
	}})
	r := l.Start("steady", lab.Lines("one", "-rate 100 -count 3000"))
	r.Live(50)
	for _, d := range []time.Duration{time.Hour, -time.Hour, 24 * time.Hour, -24 * time.Hour, 87600 * time.Hour, -87600 * time.Hour, 0} {
		set(d)
		t.Sleep(3 * time.Second)
		if j := r.Job("one"); j.State != "running" || j.WaitsFor != "" {
			t.Errorf("the job is %s (%s), and says %q", j.State, j.Cause, j.WaitsFor)
		}
		if _, err := l.Server.API.Projects(t.Ctx); err != nil {
			t.Errorf("a token does not work: %v", err)
		}
	}
	run := r.Same(time.Minute)
	r.Once("one", "say")
	if off := time.Since(*run.FinishedAt).Abs(); off > time.Minute {
		t.Errorf("the run ended %s ago by the server's words", off)
	}
	worksOn(l)
}
func hostRebooted(t *lab.T) {
	d := t.Dockerd("")
	l := t.Open(lab.Options{Before: onEngine(d)})
	r := l.Start("long", lab.Lines("one", "-rate 100 -forever"))
	r.Live(50)
	l.Agent().Kill()
	d.PowerOff()
	otherBoot(t, l.Agent().Process)
	d.Up()
	l.Agent().Start()
	r.Lost(time.Minute, "rebooted")
	r.Once("one", "say")
	l.Agent().Ready(l.Server, time.Minute)
	worksOn(l)
}
