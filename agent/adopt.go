package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/tutti-ci/tutti/agent/protocol"
	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/executor"
)

// goOn takes the job's room up and goes on from where it was left.
func (h heritage) goOn(spec executor.RoomSpec) {
	j := h.j
	defer j.drop(nil) // for the contexts' sake
	room, err := h.adopt(spec)
	if err != nil {
		h.lost, h.runs = err.Error(), false
		h.end()
		return
	}
	if room == nil {
		return
	}
	j.enter(room)
	if h.way == protocol.Wait {
		j.pursue(h.in, room, nil)
		return
	}
	var logs sync.WaitGroup
	defer logs.Wait()
	logs.Go(h.restoreLogs)
	j.restored = logs.Wait
	j.pursue(h.in, room, h.resume())
}

// errTakenUpLate is why a job is lost whose room could not be taken up.
var errTakenUpLate = errors.New("it could not be taken up after a restart of the agent before its lease was over")

// adopt takes up the job's room, and tries again for as long as nobody can tell what became of it. What may run has to be taken up even
// if the job is to end. There is neither a room nor an error if the agent ends before.
func (h heritage) adopt(spec executor.RoomSpec) (executor.Room, error) {
	j := h.j
	for failed := 0; ; failed++ {
		room, err := j.w.Engine.Adopt(h.in.agent, spec)
		var gone *executor.GoneError
		if err == nil || errors.As(err, &gone) {
			return room, err
		}
		pause := min(backoff(failed, err), checkInterval)
		j.log().Warn("what is left of a job cannot be taken up now", "error", err, "again_in", pause.Round(time.Millisecond))
		ending := h.in.hard.Done()
		if h.way == protocol.Adopt {
			ending = nil
		}
		select {
		case <-time.After(pause):
		case <-h.in.agent.Done():
		case <-ending:
		}
		at := j.oldLease()
		switch {
		case h.in.abandoned():
			return nil, nil
		case h.in.hard.Err() != nil && h.way != protocol.Adopt: // nothing ran, and nothing will
			return nowhere{err}, nil
		case at > 0 && j.w.boottime() > at+leaseSlack:
			return nil, fmt.Errorf("%w: %w", errTakenUpLate, err)
		}
	}
}

// nowhere is the room of a job of which nothing runs.
type nowhere struct{ why error }

func (n nowhere) Run(context.Context, executor.Step, executor.Output) (executor.Exit, error) {
	return executor.Exit{}, n.why
}

func (n nowhere) Rejoin(context.Context, executor.Step, executor.Output, executor.Ticket) (executor.Exit, error) {
	return executor.Exit{}, n.why
}

func (nowhere) Renew()                      {}
func (nowhere) Leave()                      {}
func (nowhere) Close(context.Context) error { return nil }

// lose ends a job that cannot go on, or brings the end of one that ended to the server.
func (h heritage) lose() {
	defer h.j.drop(nil) // for the contexts' sake
	h.end()
}

// end brings what is left of a job to the server: its logs to the last byte, and how it ended.
func (h heritage) end() {
	j := h.j
	if h.runs && !j.awaitEnd(h.in.agent, j.w.health.swept, j.oldLease) {
		return
	}
	j.isOver()
	outcome, _ := h.left.outcome()
	if h.lost != "" {
		outcome = executor.Outcome{Result: plan.Lost, Cause: h.lost}
		j.log().Warn("a job is lost", "cause", h.lost)
	}
	if h.in.life.Err() == nil {
		h.endActivities(outcome.Cause)
		h.restoreLogs()
		j.conclude(h.in.life, outcome)
	}
	j.forget(h.in)
}

// endActivities ends, in the report, what had not ended.
func (h heritage) endActivities(cause string) {
	h.j.amend(func(r *wire.Report) {
		broken := ""
		for i := range r.Activities {
			a := &r.Activities[i]
			switch a.State {
			case plan.Running:
				broken = a.Name
				a.State, a.Result, a.Cause = plan.Done, plan.Lost, brief(cause)
				if h.way == protocol.Rebooted {
					a.LogIncomplete = "the host went down while it ran: the end of its log may be missing"
				}
			case plan.Waiting:
				a.State, a.Result, a.Cause = plan.Done, plan.Skipped, "the job was lost before it"
				if broken != "" {
					a.Cause = broken + " was lost before it"
				}
			}
		}
	})
}

// restoreLogs has the logs of the activities that ended shipped again from the spool.
func (h heritage) restoreLogs() {
	j := h.j
	j.mu.Lock()
	activities := j.report.Activities
	j.mu.Unlock()
	for i, a := range activities {
		if a.State != plan.Done {
			continue
		}
		j.restoreLog(&a)
		j.amend(func(r *wire.Report) {
			into := &r.Activities[i]
			into.LogBytes, into.LogSHA256, into.LogIncomplete = a.LogBytes, a.LogSHA256, a.LogIncomplete
		})
	}
}

// restoreLog has one log shipped again, and says what is not right with it.
func (j *job) restoreLog(a *wire.ActivityReport) {
	length, hash, marks, err := j.spool.measure(j.claim, a.Name)
	switch {
	case errors.Is(err, os.ErrNotExist) && a.LogSHA256 == "":
		return // it never had one
	case err != nil:
		a.LogIncomplete = brief(err.Error())
		return
	case a.LogIncomplete != "": // a hash would say that it is whole
		a.LogBytes = max(a.LogBytes, length)
	case a.LogSHA256 == "":
		a.LogBytes, a.LogSHA256 = length, hash
	case a.LogSHA256 != hash:
		j.log().Error("the spool lost bytes", "activity", a.Name, "had", a.LogBytes, "has", length)
		a.LogIncomplete = fmt.Sprintf("the agent's spool holds %d of its %d bytes after a restart", length, a.LogBytes)
	}
	j.w.ship.addWhole(j.stream(a.Name), length, marks)
}
