package lab

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/scripts/faulting/oracle"
	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/api/client"
)

// StartRequest asks for a pipeline of the main branch.
func StartRequest(title string) client.StartRequest {
	return client.StartRequest{Pipeline: title, Ref: "main"}
}

// Same judges a run that no fault may have touched: it passed, nothing was begun anew, each of its processes ran once, and each log is
// what its process wrote, live and downloaded.
func (r *Run) Same(limit time.Duration) server.Run {
	run := r.End(limit)
	if run.Result != plan.Passed {
		r.l.Errorf("run %d is %s (%s), and was to pass", r.ID, run.Result, run.Cause)
	}
	for _, j := range run.Jobs {
		if len(j.Attempts) > 0 {
			r.l.Errorf("job %s was begun anew (%s), and was to go on as it was", j.Name, j.Attempts[0].Cause)
		}
		for _, a := range j.Activities {
			if r.tails[j.Name+"/"+a.Name] != nil && r.l.Ctx.Err() == nil {
				r.Whole(j, a)
			}
		}
	}
	return run
}

// Whole judges the log and the process of an activity that came to its end.
func (r *Run) Whole(j server.Job, a server.Activity) {
	name := j.Name + "/" + a.Name
	check, err := r.download(j.Name, a.Name)
	r.l.Check(err, "downloading the log of %s", name)
	r.l.Check(check.Whole(), "the log of %s", name)
	if len(j.Attempts) == 0 { // who follows one try at a job does not follow the next
		r.settled(name, check)
	}
	r.stored(name, check, a)
	processes := r.l.Watch.Of(r.tag(j.Name, a.Name))
	if len(processes) > len(check.Starts)+len(j.Attempts) {
		r.l.Errorf("%d processes of %s ran, and its log knows %d: %v", len(processes), name, len(check.Starts), processes)
	}
}

// settled compares the live view, which has to come to its end, with the download.
func (r *Run) settled(name string, whole *oracle.Check) {
	t := r.tails[name]
	r.l.await("the live view of "+name+" is over", time.Minute, func() bool {
		t.mu.Lock()
		defer t.mu.Unlock()
		return t.ended
	})
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.check.SHA256() != whole.SHA256() {
		r.l.Errorf("%s: %v: %d bytes live (%v), %d downloaded", name, errNotSame, t.check.Size, t.check.Err(), whole.Size)
	}
}

// stored compares the download with what the agent said of the log.
func (r *Run) stored(name string, check *oracle.Check, a server.Activity) {
	switch {
	case a.LogIncomplete != "":
		r.l.Errorf("the log of %s is incomplete: %s", name, a.LogIncomplete)
	case a.LogBytes != check.Size || a.LogSHA256 != check.SHA256():
		r.l.Errorf("the log of %s has %d bytes %.12s, and the agent says %d bytes %.12s", name, check.Size, check.SHA256(), a.LogBytes, a.LogSHA256)
	}
}

// Lost judges a run whose only job could not go on: it is over as lost, the cause says so in words, its log has no hole before its
// end, and no process of it lives.
func (r *Run) Lost(limit time.Duration, words ...string) server.Run {
	run := r.End(limit)
	if run.Result != plan.Lost && run.Result != plan.Failed {
		r.l.Errorf("run %d is %s (%s), and was to be lost", r.ID, run.Result, run.Cause)
	}
	for _, j := range run.Jobs {
		if j.Result == plan.Passed {
			continue
		}
		if j.Result != plan.Lost {
			r.l.Errorf("job %s is %s (%s), and was to be lost", j.Name, j.Result, j.Cause)
		}
		r.says(j.Cause, words...)
		for _, a := range j.Activities {
			r.NoHole(j.Name, a.Name)
			r.l.Until("no process of "+j.Name+"/"+a.Name+" lives", 30*time.Second, func() bool {
				return len(r.l.Watch.Alive(r.tag(j.Name, a.Name))) == 0
			})
		}
	}
	return run
}

// says notes a failure unless one of the words is in the text.
func (r *Run) says(text string, words ...string) {
	for _, w := range words {
		if strings.Contains(text, w) {
			return
		}
	}
	if len(words) > 0 {
		r.l.Errorf("the cause is %q, and was to have one of %q", text, words)
	}
}

// NoHole judges the log of an activity that was cut off: what is there is in order, and nothing is there twice.
func (r *Run) NoHole(job, step string) *oracle.Check {
	name := job + "/" + step
	if r.tails[name] == nil {
		return &oracle.Check{}
	}
	check, err := r.download(job, step)
	r.l.Check(err, "downloading the log of %s", name)
	r.l.Check(check.Err(), "the log of %s", name)
	r.l.Check(oracle.Apart(r.l.Watch.Of(r.tag(job, step))), "the processes of %s", name)
	return check
}

// Processes are the processes of an activity, by the kernel.
func (r *Run) Processes(job, step string) []oracle.Process {
	return r.l.Watch.Of(r.tag(job, step))
}

// Began waits until a process of an activity is alive, by the kernel.
func (r *Run) Began(job, step string, limit time.Duration) oracle.Process {
	r.l.Until(fmt.Sprintf("a process of %s/%s is alive", job, step), limit, func() bool { return len(r.Processes(job, step)) > 0 })
	return r.Processes(job, step)[0]
}

// Once notes a failure unless exactly one process of an activity ever ran: by the kernel, which may have missed a short one, and by
// the names of processes in the log.
func (r *Run) Once(job, step string) {
	all := r.Processes(job, step)
	t := r.tails[job+"/"+step]
	t.mu.Lock()
	starts := t.check.Starts
	t.mu.Unlock()
	if max(len(all), len(starts)) != 1 {
		r.l.Errorf("%d processes of %s/%s ran (%d in its log), and one was to: %v", len(all), job, step, len(starts), all)
	}
}

// Never notes a failure if a process of an activity ever ran.
func (r *Run) Never(job, step string) {
	if all := r.Processes(job, step); len(all) > 0 {
		r.l.Errorf("%d processes of %s/%s ran, and none was to: %v", len(all), job, step, all)
	}
}

// Cancel cancels the run, as often as it takes to reach the server.
func (r *Run) Cancel() {
	r.l.Until("the server takes the cancellation", time.Minute, func() bool {
		_, err := r.l.Server.API.Cancel(r.l.Ctx, r.ID)
		var refused *server.Error
		return err == nil || errors.As(err, &refused) && refused.Kind == server.Conflict
	})
}

// Apart says whether no two processes lived at the same time.
func Apart(all []oracle.Process) error { return oracle.Apart(all) }

// Says notes a failure unless one of the words is in a text that people read.
func (r *Run) Says(text string, words ...string) { r.says(text, words...) }

// OneEnd reads the run's history from its beginning: each thing in it begins and ends at most once in an epoch, the run once.
func (r *Run) OneEnd() {
	ends := map[string]int{}
	err := r.l.Server.API.Changes(r.l.Ctx, r.ID, 0, func(c server.Change) error {
		if c.State == plan.Done {
			ends[c.Kind+" "+c.Job+" "+c.Activity]++
		}
		return nil
	})
	r.l.Check(err, "reading the history of run %d", r.ID)
	for what, n := range ends {
		if n > 1 {
			r.l.Errorf("%s ended %d times in the history", what, n)
		}
	}
	if ends["run  "] != 1 {
		r.l.Errorf("the history has %d ends of the run", ends["run  "])
	}
}

// Canceled judges a run that was canceled: it is over as canceled, its processes are dead, and none begins afterwards.
func (r *Run) Canceled(limit time.Duration) {
	run := r.End(limit)
	if run.Result != plan.Canceled {
		r.l.Errorf("run %d is %s (%s), and was to be canceled", r.ID, run.Result, run.Cause)
	}
	for _, name := range r.names() {
		job, step, _ := strings.Cut(name, "/")
		r.l.Until("no process of "+name+" lives", 15*time.Second, func() bool { return len(r.l.Watch.Alive(r.tag(job, step))) == 0 })
		r.NoHole(job, step)
	}
	r.OneEnd()
}
