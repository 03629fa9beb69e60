package faults

import (
	"fmt"
	"strings"
	"time"

	"github.com/tutti-ci/tutti/scripts/faulting/lab"
)

// pointFaults kill the agent at each of its named points.
func pointFaults() []Fault {
	const expect = "the job passes; its process began once, or not at all before and once after; nothing is left on Docker"
	return []Fault{
		{
			Name: "agent-killed-accepting", CI: true, What: "the agent is killed around its acceptance of a job", How: "failpoints, three agents one after the other",
			Expect: expect, Run: killedAt("agent.before_journal_accept", "agent.after_journal_accept", "agent.after_accept_send"),
		},
		{
			Name: "agent-killed-starting", CI: true, What: "the agent is killed between create, start, ticket and go of a process", How: "failpoints, five agents",
			Expect: expect, Run: killedAt("docker.after_create", "docker.after_start", "agent.before_ticket", "agent.after_ticket", "agent.after_go"),
		},
		{
			Name: "agent-killed-ending", CI: true, What: "the agent is killed between exit, result, its acknowledgement and the cleaning up", How: "failpoints, three agents",
			Expect: expect, Run: killedAt("agent.after_exit_before_result", "agent.after_result_before_ack", "agent.during_cleanup"),
		},
	}
}

// killedAt makes a fault that kills the agent at points, each in a job of its own.
func killedAt(points ...string) func(t *lab.T) {
	return func(t *lab.T) {
		l := t.Open(lab.Options{Away: true})
		for i, point := range points {
			l.Agent().Up(l.Server, "TUTTI_FAILPOINTS="+point+"=kill9")
			r := l.Start(fmt.Sprintf("p%d", i), lab.Lines("one", "-rate 100 -count 150"))
			l.Agent().Died(time.Minute)
			t.Sleep(time.Duration(t.Rand.IntN(1500)) * time.Millisecond)
			l.Agent().Start()
			run := r.End(90 * time.Second)
			if j := run.Jobs[0]; run.Result != "passed" || j.Epoch != 1 && !strings.Contains(point, "accept") {
				t.Errorf("after a death at %s the run is %s at epoch %d: %s", point, run.Result, j.Epoch, run.Cause)
			}
			r.Whole(run.Jobs[0], run.Jobs[0].Activities[0])
			r.Once("one", "say")
			r.OneEnd()
			l.Agent().Ready(l.Server, time.Minute)
			l.Agent().Clean(time.Minute)
			l.Agent().Kill()
		}
		l.Agent().Up(l.Server) // and goes in order
	}
}
