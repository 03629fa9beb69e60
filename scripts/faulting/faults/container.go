package faults

import (
	"strings"
	"syscall"
	"time"

	"github.com/tutti-ci/tutti/scripts/faulting/lab"
)

// containerOf waits for the container in which the process of an activity is alive, by the kernel and Docker.
func containerOf(t *lab.T, l *lab.Lab) lab.Container {
	var found lab.Container
	t.Until("a container runs the process", time.Minute, func() bool {
		for _, c := range l.Agent().Containers() {
			var top struct{ Processes [][]string }
			if l.Agent().Engine.Call(t.Ctx, "GET", "/containers/"+c.ID+"/top", nil, &top) != nil {
				continue
			}
			for _, p := range top.Processes {
				if strings.Contains(strings.Join(p, " "), "/lines -tag "+t.Name) {
					found = c
				}
			}
		}
		return found.ID != ""
	})
	return found
}

func containerRemoved(t *lab.T) {
	l := t.Open(lab.Options{})
	r := l.Start("long", lab.Lines("one", "-rate 50 -forever"))
	r.Live(50)
	c := containerOf(t, l)
	t.Logf("the container %s is removed", c.Names)
	t.Must(t.Shared.Call(t.Ctx, "DELETE", "/containers/"+c.ID+"?force=1", nil, nil), "removing the container")
	r.Lost(time.Minute, "removed", "killed", "container")
	r.Once("one", "say")
	worksOn(l)
}

func containerKilled(t *lab.T) {
	l := t.Open(lab.Options{})
	r := l.Start("long", lab.Lines("one", "-rate 50 -forever"))
	r.Live(50)
	var state struct{ State struct{ Pid int } }
	t.Must(t.Shared.Call(t.Ctx, "GET", "/containers/"+containerOf(t, l).ID+"/json", nil, &state), "looking at the container")
	t.Logf("the shim (%d) gets killed", state.State.Pid)
	t.Must(syscall.Kill(state.State.Pid, syscall.SIGKILL), "killing the shim")
	r.Lost(time.Minute, "container", "shim", "killed")
	worksOn(l)
}

func containerPaused(t *lab.T) {
	l := t.Open(lab.Options{})
	r := l.Start("steady", lab.Lines("one", "-rate 100 -count 500"))
	r.Live(50)
	c := containerOf(t, l)
	t.Must(t.Shared.Call(t.Ctx, "POST", "/containers/"+c.ID+"/pause", nil, nil), "pausing the container")
	t.Logf("the container %s is paused", c.Names)
	t.Sleep(10 * time.Second)
	t.Must(t.Shared.Call(t.Ctx, "POST", "/containers/"+c.ID+"/unpause", nil, nil), "unpausing the container")
	r.Same(time.Minute)
	r.Once("one", "say")
}

func networkRemoved(t *lab.T) {
	l := t.Open(lab.Options{})
	r := l.Start("two", lab.Job{Name: "one", Steps: []lab.Step{
		{Name: "first", Lines: "-rate 50 -count 150"}, {Name: "second", Lines: "-count 50"},
	}})
	r.Reads("one/first", 50, time.Minute)
	networks, err := t.Shared.Networks(t.Ctx, l.Agent().ID())
	t.Must(err, "listing networks")
	for _, n := range networks {
		err := t.Shared.Call(t.Ctx, "DELETE", "/networks/"+n, nil, nil)
		t.Logf("removing network %.12s: %v", n, err)
	}
	if run := r.End(time.Minute); run.Result == "passed" {
		r.Same(time.Minute)
	} else {
		r.Says(run.Cause, "network")
	}
	worksOn(l)
}
