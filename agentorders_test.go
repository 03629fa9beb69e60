package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/tutti-ci/tutti/dsl/plan"
)

// TestAgentProcess gives real agents orders, by signals and by commands.
func TestAgentProcess(t *testing.T) {
	p := newPlatform(t)
	for name, test := range map[string]func(*testing.T, *platform){
		"Drain": testDrain, "CanceledDrain": testCanceledDrain, "LimitedDrain": testLimitedDrain,
		"DrainCommand": testDrainCommand, "Handoff": testHandoff, "Reload": testReload, "Idle": testIdleAgent,
	} {
		t.Run(name, func(t *testing.T) {
			p.stage.t = t
			test(t, p)
		})
	}
}

func testDrain(t *testing.T, p *platform) {
	env, heard := systemdOf(t)
	a := p.agent(t, folder(t), env)
	heard.until(t, "READY=1\nWATCHDOG=1\n")
	id := p.running("echo begun; sleep 3; echo ended")
	a.signal(syscall.SIGTERM)
	a.says("draining: 1 job runs, and no new ones are taken; the agent ends with them, in 1h at most; SIGTERM again cancels them")
	if code := a.code(); code != 0 {
		t.Errorf("a drain ends with exit code %d", code)
	}
	if run := p.end(id); run.Result != plan.Passed || p.log(id, "test", "unit") != "begun\nended\n" {
		t.Errorf("the run ended %s (%s)", run.Result, run.Cause)
	}
	if !strings.Contains(heard.String(), "STOPPING=1") {
		t.Errorf("systemd heard %q", heard)
	}
}

func testCanceledDrain(t *testing.T, p *platform) {
	a := p.agent(t, folder(t), nil)
	id := p.running("echo begun; exec sleep 600")
	a.signal(syscall.SIGUSR1)
	a.says("draining: 1 job runs")
	a.signal(syscall.SIGUSR1) // which says nothing new
	a.signal(syscall.SIGINT)
	a.says("canceling (asked for twice): 1 job ends now")
	if code := a.code(); code != 0 {
		t.Errorf("a cancel ends with exit code %d", code)
	}
	if run := p.end(id); run.Result != plan.Lost || !strings.Contains(run.Jobs[0].Cause, "the agent was stopped") {
		t.Errorf("the run ended %s (%s)", run.Result, run.Jobs[0].Cause)
	}
}

func testLimitedDrain(t *testing.T, p *platform) {
	a := p.agent(t, folder(t), nil, "--drain-limit", "1s")
	id := p.running("echo begun; exec sleep 600")
	a.signal(syscall.SIGTERM)
	a.says("canceling (the drain took longer than 1s): 1 job ends now")
	if code := a.code(); code != 0 {
		t.Errorf("a cancel ends with exit code %d", code)
	}
	if run := p.end(id); run.Result != plan.Lost {
		t.Errorf("the run ended %s", run.Result)
	}
}

func testDrainCommand(t *testing.T, p *platform) {
	data := folder(t)
	a := p.agent(t, data, nil)
	id := p.running("echo begun; exec sleep 600")
	said, code := p.tutti("agent", "drain", "--data", data, "--limit", "1s")
	if code != 0 || !strings.Contains(said, "they are canceled") || !strings.Contains(said, "the agent has ended") {
		t.Errorf("the command ends with %d: %s", code, said)
	}
	if code := a.code(); code != 0 {
		t.Errorf("the agent ends with exit code %d", code)
	}
	if run := p.end(id); run.Result != plan.Lost {
		t.Errorf("the run ended %s", run.Result)
	}
	for _, order := range []string{"drain", "handoff", "reload"} {
		if said, code := p.tutti("agent", order, "--data", data); code != exitFailed || !strings.Contains(said, "no agent runs on the data folder "+data) {
			t.Errorf("without an agent, %s ends with %d: %s", order, code, said)
		}
	}
	if said, code := p.tutti("agent", "drain", "--limit", "soon"); code != exitUsage {
		t.Errorf("a wrong limit ends with %d: %s", code, said)
	}
}

// testHandoff upgrades an agent twice while an activity runs.
func testHandoff(t *testing.T, p *platform) {
	data := folder(t)
	a := p.agent(t, data, nil)
	id := p.running("i=0; while [ $i -lt 60 ]; do echo $i; i=$((i+1)); sleep 0.1; done")
	for range 2 {
		said, code := p.tutti("agent", "handoff", "--data", data)
		if code != 0 || !strings.Contains(said, "what ran still runs") {
			t.Fatalf("the command ends with %d: %s", code, said)
		}
		if code := a.code(); code != 0 {
			t.Errorf("a handoff ends with exit code %d", code)
		}
		a.says("handing over: 1 job goes on")
		a = p.agent(t, data, nil)
	}
	var want strings.Builder
	for i := range 60 {
		fmt.Fprintf(&want, "%d\n", i)
	}
	run := p.end(id)
	if got := p.log(id, "test", "unit"); run.Result != plan.Passed || run.Jobs[0].Epoch != 1 || got != want.String() {
		t.Errorf("the run ended %s (%s) in epoch %d with the log %q", run.Result, run.Jobs[0].Cause, run.Jobs[0].Epoch, got)
	}
	a.signal(syscall.SIGTERM)
	if code := a.code(); code != 0 {
		t.Errorf("the last one ends with exit code %d", code)
	}
}

func testReload(t *testing.T, p *platform) {
	data, file := folder(t), filepath.Join(t.TempDir(), "agent.conf")
	write(t, filepath.Dir(file), "agent.conf", "# the agent\nTUTTI_CAPACITY=3\nTUTTI_NAME=first\nTUTTI_LABEL=disk=ssd\nTUTTI_LABEL='gpu=h100'\n")
	a := p.agent(t, data, nil, "--config", file)
	shown := func(name string, capacity int, labels string) func() bool {
		return func() bool {
			agents, err := p.Agents(t.Context())
			for _, each := range agents {
				if each.Name == name && each.Online && each.Capacity == capacity && strings.Join(each.Labels, " ") == labels {
					return true
				}
			}
			return err != nil
		}
	}
	eventually(t, "the server knows the agent", shown("first", 3, "disk=ssd gpu=h100"))

	write(t, filepath.Dir(file), "agent.conf", "TUTTI_CAPACITY=5\nTUTTI_CAPACTY=3\n")
	if said, code := p.tutti("agent", "reload", "--data", data); code != 0 {
		t.Errorf("the command ends with %d: %s", code, said)
	}
	a.says("agent.conf:2:1")
	a.says("nothing was changed")
	if !shown("first", 3, "disk=ssd gpu=h100")() {
		t.Error("a bad configuration changed something")
	}
	write(t, filepath.Dir(file), "agent.conf", "TUTTI_CAPACITY=5\nTUTTI_NAME=second\nTUTTI_LABEL=disk=hdd\nTUTTI_LOG_LIMIT=1g\n")
	a.signal(syscall.SIGHUP)
	a.says("reload: the agent is called second, runs 5 jobs at once, and has the labels [disk=hdd]; --log-limit counts from the next start on")
	eventually(t, "the server knows the other settings", shown("second", 5, "disk=hdd"))

	a.signal(syscall.SIGTERM)
	if code := a.code(); code != 0 {
		t.Errorf("the agent ends with exit code %d", code)
	}
}

func testIdleAgent(t *testing.T, p *platform) {
	dir := folder(t)
	a := p.agent(t, dir, nil)
	second := begin(t, p.program, nil, "agent", "--server", p.server.URL, "--token-file", filepath.Join(p.data, "agent.token"), "--data", dir)
	second.says("is in use by another agent")
	if code := second.code(); code != exitFailed {
		t.Errorf("a second agent on the data folder ends with exit code %d", code)
	}
	a.signal(syscall.SIGINT)
	a.says("draining: no job runs")
	if code := a.code(); code != 0 {
		t.Errorf("the agent ends with exit code %d", code)
	}
}
