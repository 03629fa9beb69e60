package queue

import (
	"fmt"
	"time"

	"github.com/tutti-ci/tutti/server"
)

// Explain says of each queued job what it waits for: as the function of that name, but it also knows what keeps jobs from being given
// out at all.
func (q *Queue) Explain(jobs []server.QueuedJob, agents []server.Agent) map[server.JobRef]string {
	if q.Halted != nil {
		if halt, yes := q.Halted(); yes {
			return explainHalt(jobs, halt)
		}
	}
	why := Explain(jobs, agents)
	now := q.now()
	for _, j := range jobs {
		if j.NotBefore.After(now) {
			why[j.Ref()] = explainEarly(j.NotBefore.Sub(now))
		}
	}
	return why
}

func explainHalt(jobs []server.QueuedJob, halt server.Trouble) map[server.JobRef]string {
	why := make(map[server.JobRef]string, len(jobs))
	for _, j := range jobs {
		why[j.Ref()] = "no job starts: " + halt.Text
	}
	return why
}

func explainEarly(left time.Duration) string {
	text := fmt.Sprintf("%d min", int(left.Minutes())+1)
	if left < 2*time.Minute {
		text = fmt.Sprintf("%d s", int(left.Seconds())+1)
	}
	return "it may still run on an agent since before the restore; if none comes back with it, it is given out again in " + text
}
