package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/tutti-ci/tutti/agent/protocol"
	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/executor"
	"golang.org/x/sync/errgroup"
)

// errDiscarded is why a job ends of which the server wants to hear nothing more.
var errDiscarded = errors.New("the server gave the job up")

// A job is one try at a job, from its offer until the server knows all about it.
type job struct {
	w     *worker
	claim wire.Claim
	offer wire.Offer
	plan  plan.Job
	spool *spool // has its logs
	// recalled says that it was put away already, and that a server wants its end again.
	recalled bool

	end       context.CancelCauseFunc  // ends what runs for it, see executor.WithCancel; the first cause counts
	drop      context.CancelCauseFunc  // ends it without a word to the server
	note      func(record) error       // writes into the journal
	patiently func(func() error) error // does what needs space on the disk

	begin   func()        // it was started; may be called again
	started chan struct{} // closed by begin
	renewed chan struct{} // filled when its lease was renewed
	ended   chan struct{} // closed when nothing of it runs any more
	final   chan struct{} // filled when the server knows its result
	missing chan struct{} // filled when the server lacks bytes of its logs
	gone    chan struct{} // closed when it is forgotten

	restored  func()    // waits until the logs of before a restart are taken up; nil if there was none
	startedAt time.Time // of the job; set before any activity
	current   current   // of the one goroutine that runs it

	mu     sync.Mutex // guards what follows
	hold   protocol.Hold
	fence  time.Duration // that the server granted; 0 if that is not known
	room   executor.Room // nil before there is one
	left   bool          // to the next process of the agent
	report wire.Report
	asked  *question // what the server has not answered yet; nil if nothing
}

// contexts are those of one job, each within the one before it. A canceled job, of which soft or hard ended, lives on until the
// server knows what became of it.
type contexts struct {
	agent, life, hard, soft context.Context
}

// abandoned says whether the job ends here without an end of its own: because the agent ends.
func (in contexts) abandoned() bool {
	return in.life.Err() != nil && !errors.Is(context.Cause(in.life), errDiscarded)
}

func (w *worker) newJob(ctx context.Context, offer wire.Offer, p plan.Job) (*job, contexts) {
	life, drop := context.WithCancelCause(ctx)
	hard, soft, end := executor.WithCancel(life)
	j := &job{
		w: w, claim: offer.Claim, offer: offer, plan: p, spool: w.spool,
		end: end, drop: drop,
		note:      func(rec record) error { return w.journal.write(life, rec) },
		patiently: func(do func() error) error { return w.patience().try(life, do) },
		started:   make(chan struct{}), renewed: make(chan struct{}, 1), ended: make(chan struct{}), gone: make(chan struct{}),
		final: make(chan struct{}, 1), missing: make(chan struct{}, 1),
	}
	j.begin = sync.OnceFunc(func() { close(j.started) })
	j.report = wire.Report{Claim: offer.Claim, Phase: wire.PhaseAccepted}
	for _, a := range p.Activities {
		j.report.Activities = append(j.report.Activities, wire.ActivityReport{Name: a.Name, State: plan.Waiting})
	}
	return j, contexts{ctx, life, hard, soft}
}

// isEnded says whether nothing of the job runs any more.
func (j *job) isEnded() bool {
	select {
	case <-j.ended:
		return true
	default:
		return false
	}
}

func (j *job) log() *slog.Logger {
	return j.w.log.With("run", j.claim.Run, "job", j.claim.Job, "epoch", j.claim.Epoch)
}

// run is the life of a job.
func (j *job) run(in contexts) {
	defer j.drop(nil) // for the contexts' sake
	room, err := j.prepare(in.soft)
	if err == nil {
		j.pursue(in, room, nil)
		return
	}
	j.log().Warn("declining a job", "error", err)
	j.w.mu.Lock()
	j.w.decline(j.claim, err)
	j.w.mu.Unlock()
	if room != nil {
		j.w.rooms.close(in.life, room, j.log())
	}
	j.isOver()
	j.forget(in)
}

// prepare begins with all that may be done before the server lets the job start, and accepts it.
func (j *job) prepare(ctx context.Context) (executor.Room, error) {
	var checking errgroup.Group
	checking.Go(func() error { return errors.Join(j.w.checkDisk(), j.w.health.check(ctx)) })
	room, err := j.w.Engine.Open(ctx, j.spec())
	if err != nil {
		err = fmt.Errorf("preparing the job: %w", err)
	} else {
		j.enter(room)
		err = j.accept()
	}
	if err := errors.Join(err, checking.Wait()); err != nil {
		return room, err
	}
	j.mu.Lock()
	j.hold.Accepted()
	j.mu.Unlock()
	j.w.poke()
	return room, nil
}

// spec says what room the job needs.
func (j *job) spec() executor.RoomSpec {
	spec := executor.RoomSpec{Run: j.claim.Run, Epoch: j.claim.Epoch, Job: j.plan, Lease: j.lease}
	if j.offer.Commit != "" {
		spec.Workspace = func(ctx context.Context) (*os.File, error) { return j.w.workspaces.open(ctx, j.offer) }
	}
	return spec
}

// accept notes in the journal that the job is accepted, durably.
func (j *job) accept() error {
	if err := j.w.trap("agent.before_journal_accept"); err != nil {
		return err
	}
	if err := j.note(record{Hold: &j.offer}); err != nil {
		return err
	}
	return j.w.trap("agent.after_journal_accept")
}

// enter notes in which room the job is.
func (j *job) enter(room executor.Room) {
	j.mu.Lock()
	j.room = room
	left := j.left
	j.mu.Unlock()
	if left {
		room.Leave()
	}
}

// leave gives the job up to the next process of the agent: nothing of it ends.
func (j *job) leave() {
	j.mu.Lock()
	j.left = true
	room := j.room
	j.mu.Unlock()
	if room != nil {
		room.Leave()
	}
	j.end(executor.ErrLeft)
	j.drop(executor.ErrLeft)
}

// pursue runs a job in its room, from where it was left if an earlier process of the agent began it, and brings its end to the
// server.
func (j *job) pursue(in contexts, room executor.Room, from *executor.Resume) {
	seen := &tenancy{Room: room, j: j}
	outcome, left := j.execute(in, seen, from)
	if !left && in.life.Err() == nil {
		// Before the room is given up, without which the job could not be taken up again.
		end := endOf{Claim: j.claim, Result: outcome.Result, Cause: brief(outcome.Cause)}
		if err := j.note(record{End: &end}); err != nil {
			j.log().Error("the end of a job could not be noted", "error", err)
		}
	}
	until := j.deadBy()
	closed := j.w.rooms.close(in.life, room, j.log()) // which does nothing to one that was left
	if left || in.abandoned() || seen.doubt && !j.awaitEnd(in.agent, closed, until) {
		return
	}
	j.isOver()
	if j.restored != nil {
		j.restored()
	}
	if in.life.Err() == nil {
		j.log().Info("a job ended", "result", outcome.Result, "cause", outcome.Cause)
		j.conclude(in.life, outcome)
	}
	j.forget(in)
}

// execute waits for the Start and runs the job. What it answers does not count if the job's life ended, or if it was left to the next
// process of the agent.
func (j *job) execute(in contexts, room executor.Room, from *executor.Resume) (_ executor.Outcome, left bool) {
	select {
	case <-j.started:
	case <-in.soft.Done(): // nothing will run, but it is the executor who says so
	}
	if in.life.Err() != nil {
		return executor.Outcome{}, false
	}
	if err := j.noteStart(from); err != nil {
		return executor.Outcome{Result: plan.Lost, Cause: err.Error()}, false
	}
	outcome, err := executor.Run(in.hard, in.soft, executor.Work{Job: j.plan, Room: room, Resolver: j, Reporter: j, Resume: from})
	if errors.Is(err, executor.ErrLeft) {
		return outcome, true
	}
	if err != nil && in.life.Err() == nil {
		j.log().Error("a job ended because news of it could not be kept", "error", err)
	}
	return outcome, false
}

// noteStart notes that processes of the job may run from now on, or that they go on.
func (j *job) noteStart(from *executor.Resume) error {
	j.startedAt = time.Now()
	if from == nil {
		err := j.note(record{Start: &startOf{Claim: j.claim, Boot: j.w.boot, At: j.w.boottime()}})
		if err != nil {
			return err
		}
	} else {
		j.startedAt = j.startedAt.Add(-from.Elapsed)
	}
	return j.revise(func(r *wire.Report) error {
		r.Phase = wire.PhaseRunning
		if from != nil {
			r.Note = "the agent was restarted; the job went on"
		}
		return nil
	})
}
