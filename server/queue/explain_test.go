package queue_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/queue"
)

func TestExplain(t *testing.T) {
	with := func(i, busy int, labels ...string) server.Agent {
		a := agent(i, labels...)()
		for range busy {
			a.Jobs = append(a.Jobs, server.JobRef{Run: 99, Job: "other"})
		}
		return a
	}
	sick := func(i int, problem string) server.Agent {
		a := with(i, 0)
		a.Problem = problem
		return a
	}
	offline := with(7, 0)
	offline.Online = false
	full := with(8, 0)
	full.Capacity = 0

	for name, test := range map[string]struct {
		agents []server.Agent
		jobs   [][]string // labels
		want   []string
	}{
		"NoAgent": {nil, [][]string{nil}, []string{"no agent is connected"}},
		"Offline": {[]server.Agent{offline}, [][]string{nil}, []string{"no agent is connected"}},
		"NoLabel": {
			[]server.Agent{with(1, 0, "os=linux", "arch=amd64")},
			[][]string{{"gpu=h100"}, {"os=linux", "gpu=h100", "arch=arm64"}},
			[]string{"no agent has the label gpu=h100", "no agent has the labels gpu=h100, arch=arm64"},
		},
		"NotTogether": {
			[]server.Agent{with(1, 0, "a=1"), with(2, 0, "b=2")},
			[][]string{{"a=1", "b=2"}},
			[]string{"no agent has all of the labels a=1, b=2"},
		},
		"CannotWork": {
			[]server.Agent{sick(1, "Docker does not answer")},
			[][]string{nil},
			[]string{"agent host-1 could take it, but cannot work: Docker does not answer"},
		},
		"NoneCanWork": {
			[]server.Agent{full, sick(1, "Docker does not answer")},
			[][]string{nil},
			[]string{"none of the 2 agents that could take it can work; host-8: it takes no jobs now"},
		},
		"Free": {
			[]server.Agent{with(1, 0)},
			[][]string{nil, nil},
			[]string{"an agent is about to take it", "the one agent that could take it is busy; 1 job is before it"},
		},
		"Busy": {
			[]server.Agent{with(1, 1), with(2, 1), sick(3, "Docker does not answer")},
			[][]string{nil, nil, nil, nil},
			[]string{
				"all 2 agents that could take it are busy; it is the next",
				"all 2 agents that could take it are busy; 1 job is before it",
				"all 2 agents that could take it are busy; 2 jobs are before it",
				"all 2 agents that could take it are busy; 3 jobs are before it",
			},
		},
		"OnlyRivalsAreBefore": { // the job for arm is no rival of those for gpu, but those without labels are
			[]server.Agent{with(1, 1, "gpu=1"), with(2, 1, "arch=arm")},
			[][]string{{"gpu=1"}, {"arch=arm"}, nil, {"gpu=1"}},
			[]string{
				"the one agent that could take it is busy; it is the next",
				"the one agent that could take it is busy; it is the next",
				"all 2 agents that could take it are busy; 2 jobs are before it",
				"the one agent that could take it is busy; 2 jobs are before it",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var jobs []server.QueuedJob
			for i, labels := range test.jobs {
				jobs = append(jobs, server.QueuedJob{Run: server.RunID(i), Job: "test", Labels: labels})
			}
			why := queue.Explain(jobs, test.agents)
			var got []string
			for _, j := range jobs {
				got = append(got, why[j.Ref()])
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestExplainOSAndArch(t *testing.T) {
	with := func(i int, os, arch string, labels ...string) server.Agent {
		a := agent(i, labels...)()
		a.OS, a.Arch = os, arch
		return a
	}
	agents := []server.Agent{with(1, "linux", "amd64", "gpu=h100"), with(2, "darwin", "riscv64")}
	for name, test := range map[string]struct {
		job  server.QueuedJob
		want string
	}{
		"Arch":        {server.QueuedJob{OS: "linux", Arch: "arm64"}, "no agent has arch arm64"},
		"OS":          {server.QueuedJob{OS: "windows", Arch: "amd64"}, "no agent has os windows"},
		"All":         {server.QueuedJob{OS: "windows", Arch: "arm64", Labels: []string{"a=1"}}, "no agent has os windows, or arch arm64, or the label a=1"},
		"NotTogether": {server.QueuedJob{OS: "darwin", Arch: "amd64", Labels: []string{"gpu=h100"}}, "no agent has all of os darwin, arch amd64, the label gpu=h100"},
		"Free":        {server.QueuedJob{OS: "linux", Arch: "amd64"}, "an agent is about to take it"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := queue.Explain([]server.QueuedJob{test.job}, agents)[test.job.Ref()]; got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// TestExplainMany bounds the work by what a large server has.
func TestExplainMany(t *testing.T) {
	var agents []server.Agent
	for i := range 2000 {
		agents = append(agents, agent(i, "os=linux", fmt.Sprintf("pool=%d", i%20))())
	}
	var jobs []server.QueuedJob
	for i := range 10000 {
		jobs = append(jobs, server.QueuedJob{Run: server.RunID(i), Job: "test", Labels: []string{fmt.Sprintf("pool=%d", i%20)}})
	}
	start := time.Now()
	queue.Explain(jobs, agents)
	if took := time.Since(start); took > time.Minute { // it is milliseconds; comparing each with each would be minutes
		t.Errorf("took %v", took)
	}
}
