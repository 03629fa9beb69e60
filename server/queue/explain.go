package queue

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tutti-ci/tutti/server"
)

// Explain says of each queued job what it waits for, in words that fit after "waits for: ". The jobs are in the order of
// the queue; agents that are not connected do not count.
func Explain(jobs []server.QueuedJob, agents []server.Agent) map[server.JobRef]string {
	agents = slices.DeleteFunc(slices.Clone(agents), func(a server.Agent) bool { return !a.Online })
	var kinds []*kind
	byLabels := make(map[string]*kind) // most jobs of a server ask for the same few
	why := make(map[server.JobRef]string, len(jobs))
	for _, j := range jobs {
		key := strings.Join(j.Labels, "\n")
		k := byLabels[key]
		if k == nil {
			k = newKind(j.Labels, agents)
			k.meet(kinds)
			kinds, byLabels[key] = append(kinds, k), k
		}
		why[j.Ref()] = k.explain(agents)
		k.jobs++
	}
	return why
}

// A kind is the jobs that ask for the same labels.
type kind struct {
	labels []string
	serve  []int // indexes of the connected agents that carry them
	able   int   // how many of those take jobs at all
	free   int   // jobs that they could take now
	jobs   int   // of this kind so far
	rivals []*kind
}

func newKind(labels []string, agents []server.Agent) *kind {
	k := &kind{labels: labels}
	for i, a := range agents {
		if !a.Serves(labels) {
			continue
		}
		k.serve = append(k.serve, i)
		if canWork(a) {
			k.able++
			k.free += max(0, a.Capacity-len(a.Jobs))
		}
	}
	return k
}

// meet finds out for which of the other kinds an agent of this one could also work.
func (k *kind) meet(others []*kind) {
	for _, o := range others {
		if overlap(k.serve, o.serve) {
			k.rivals, o.rivals = append(k.rivals, o), append(o.rivals, k)
		}
	}
}

// overlap says whether two ascending lists have a number in common.
func overlap(a, b []int) bool {
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0] == b[0]:
			return true
		case a[0] < b[0]:
			a = a[1:]
		default:
			b = b[1:]
		}
	}
	return false
}

func (k *kind) explain(agents []server.Agent) string {
	switch {
	case len(agents) == 0:
		return "no agent is connected"
	case len(k.serve) == 0:
		return k.explainLabels(agents)
	case k.able == 0:
		return k.explainTrouble(agents)
	}
	before := k.jobs
	for _, r := range k.rivals {
		before += r.jobs
	}
	if k.free > before {
		return "an agent is about to take it"
	}
	return busyText(k.able) + beforeText(before)
}

// explainLabels names the labels that are missing.
func (k *kind) explainLabels(agents []server.Agent) string {
	var nowhere []string
	for _, l := range k.labels {
		if !slices.ContainsFunc(agents, func(a server.Agent) bool { return slices.Contains(a.Labels, l) }) {
			nowhere = append(nowhere, l)
		}
	}
	switch len(nowhere) {
	case 0:
		return "no agent has all of the labels " + strings.Join(k.labels, ", ")
	case 1:
		return "no agent has the label " + nowhere[0]
	}
	return "no agent has the labels " + strings.Join(nowhere, ", ")
}

// explainTrouble says why none of the agents that carry the labels takes jobs.
func (k *kind) explainTrouble(agents []server.Agent) string {
	first := agents[k.serve[0]]
	problem := first.Problem
	if problem == "" {
		problem = "it takes no jobs now"
	}
	if len(k.serve) == 1 {
		return fmt.Sprintf("agent %s could take it, but cannot work: %s", first.Name, problem)
	}
	return fmt.Sprintf("none of the %d agents that could take it can work; %s: %s", len(k.serve), first.Name, problem)
}

func busyText(able int) string {
	if able == 1 {
		return "the one agent that could take it is busy"
	}
	return fmt.Sprintf("all %d agents that could take it are busy", able)
}

func beforeText(n int) string {
	switch n {
	case 0:
		return "; it is the next"
	case 1:
		return "; 1 job is before it"
	}
	return fmt.Sprintf("; %d jobs are before it", n)
}
