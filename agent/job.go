package agent

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/executor"
	"golang.org/x/sync/errgroup"
)

// missingPause is the time before logs are offered again of which the server says that bytes are missing.
const missingPause = time.Second

// errDiscarded is why a job ends of which the server wants to hear nothing more.
var errDiscarded = errors.New("the server gave the job up")

// A job is one try at a job, from its offer until the server knows all about it.
type job struct {
	w     *worker
	claim wire.Claim
	offer wire.Offer
	plan  plan.Job

	cancel  context.CancelCauseFunc // ends what runs for it, see executor.WithCancel; the first cause counts
	discard func()                  // ends it without a word to the server

	start   func()        // the server's Start; may be called again
	started chan struct{} // closed by start
	ended   chan struct{} // closed when nothing of it runs any more
	final   chan struct{} // filled when the server knows its result
	missing chan struct{} // filled when the server lacks bytes of its logs
	gone    chan struct{} // closed when it is forgotten

	startedAt time.Time // of the job; set before any activity
	current   current   // of the one goroutine that runs it

	mu       sync.Mutex // guards what follows
	accepted bool       // the journal has it
	report   wire.Report
	asked    *question // what the server has not answered yet; nil if nothing
}

// newJob makes a job with three contexts: life, that of the job itself, and in it hard and soft, those of what runs for it. A
// canceled job lives on until the server knows what became of it.
func (w *worker) newJob(ctx context.Context, offer wire.Offer, p plan.Job) (j *job, life, hard, soft context.Context) {
	life, end := context.WithCancelCause(ctx)
	hard, soft, cancel := executor.WithCancel(life)
	j = &job{
		w: w, claim: offer.Claim, offer: offer, plan: p,
		cancel: cancel, discard: func() { end(errDiscarded) },
		started: make(chan struct{}), ended: make(chan struct{}), gone: make(chan struct{}),
		final: make(chan struct{}, 1), missing: make(chan struct{}, 1),
	}
	j.start = sync.OnceFunc(func() { close(j.started) })
	j.report = wire.Report{Claim: offer.Claim, Phase: wire.PhaseAccepted}
	for _, a := range p.Activities {
		j.report.Activities = append(j.report.Activities, wire.ActivityReport{Name: a.Name, State: plan.Waiting})
	}
	return j, life, hard, soft
}

// take begins with an offered job, or declines it. An offer that comes again changes nothing.
func (w *worker) take(ctx context.Context, offer wire.Offer) {
	p, err := readOffer(offer)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.jobs[offer.Claim] != nil {
		return
	}
	switch {
	case err != nil:
	case w.stopping:
		err = errStopped
	case w.health.problem() != "":
		err = errors.New(w.health.problem())
	case w.unfinished() >= w.Capacity:
		err = fmt.Errorf("the agent runs %d jobs already", w.Capacity)
	}
	if err != nil {
		w.decline(offer.Claim, err)
		return
	}
	j, life, hard, soft := w.newJob(ctx, offer, p)
	w.jobs[offer.Claim] = j
	w.running.Go(func() { j.run(life, hard, soft) })
}

// readOffer checks an offer and answers its plan.
func readOffer(offer wire.Offer) (plan.Job, error) {
	sum := sha256.Sum256(offer.Plan)
	if hex.EncodeToString(sum[:]) != offer.SHA256 {
		return plan.Job{}, errors.New("the plan does not have the SHA-256 that the offer names")
	}
	var p plan.Job
	if err := json.Unmarshal(offer.Plan, &p); err != nil {
		return plan.Job{}, fmt.Errorf("reading the plan: %w", err)
	}
	if !keyPart.MatchString(offer.Job) {
		return plan.Job{}, fmt.Errorf("a job cannot be called %q", offer.Job)
	}
	for _, a := range p.Activities {
		if !keyPart.MatchString(a.Name) {
			return plan.Job{}, fmt.Errorf("an activity cannot be called %q", a.Name)
		}
	}
	return p, nil
}

// unfinished counts the jobs that use the engine. The caller holds mu.
func (w *worker) unfinished() int {
	n := 0
	for _, j := range w.jobs {
		select {
		case <-j.ended:
		default:
			n++
		}
	}
	return n
}

// decline gives an offer back. The caller holds mu.
func (w *worker) decline(c wire.Claim, why error) {
	w.declined = append(w.declined, wire.Decline{Claim: c, Reason: brief(why.Error())})
	w.poke()
}

// run is the life of a job.
func (j *job) run(life, hard, soft context.Context) {
	defer j.discard() // for the contexts' sake
	log := j.log()
	room, err := j.prepare(soft)
	var outcome executor.Outcome
	ran := false
	if err == nil {
		outcome, ran = j.execute(life, hard, soft, room)
	}
	close(j.ended)
	var closing sync.WaitGroup
	defer closing.Wait()
	if room != nil {
		closing.Go(func() { j.w.rooms.close(life, room, log) })
	}
	if err != nil {
		log.Warn("declining a job", "error", err)
		j.w.mu.Lock()
		j.w.decline(j.claim, err)
		j.w.mu.Unlock()
	}
	if ran {
		log.Info("a job ended", "result", outcome.Result, "cause", outcome.Cause)
		j.conclude(life, outcome)
	}
	j.forget(life)
}

func (j *job) log() *slog.Logger {
	return j.w.log.With("run", j.claim.Run, "job", j.claim.Job, "epoch", j.claim.Epoch)
}

// prepare begins with all that may be done before the server lets the job start, and accepts it.
func (j *job) prepare(ctx context.Context) (executor.Room, error) {
	var checking errgroup.Group
	checking.Go(func() error { return j.w.health.check(ctx) })
	spec := executor.RoomSpec{Run: j.claim.Run, Epoch: j.claim.Epoch, Job: j.plan}
	if j.offer.Commit != "" {
		spec.Workspace = func(ctx context.Context) (*os.File, error) { return j.w.workspaces.open(ctx, j.offer) }
	}
	room, err := j.w.Engine.Open(ctx, spec)
	if err != nil {
		err = fmt.Errorf("preparing the job: %w", err)
	} else {
		err = j.w.journal.hold(j.offer)
	}
	if err := errors.Join(err, checking.Wait()); err != nil {
		return room, err
	}
	j.mu.Lock()
	j.accepted = true
	j.mu.Unlock()
	j.w.poke()
	return room, nil
}

// execute waits for the Start and runs the job. It answers false if the job was given up before, or is given up by its end.
func (j *job) execute(life, hard, soft context.Context, room executor.Room) (outcome executor.Outcome, ran bool) {
	select {
	case <-j.started:
	case <-soft.Done(): // nothing will run, but it is the executor who says so
		var canceled executor.Canceled
		if errors.As(context.Cause(soft), &canceled) {
			canceled.Hard = true // there is nothing to clean up either
			j.cancel(canceled)
		}
	}
	if life.Err() != nil {
		return executor.Outcome{}, false
	}
	j.startedAt = time.Now()
	err := j.w.journal.start(j.claim)
	if err == nil {
		err = j.revise(func(r *wire.Report) error { r.Phase = wire.PhaseRunning; return nil })
	}
	if err != nil {
		return executor.Outcome{Result: plan.Lost, Cause: err.Error()}, true
	}
	outcome, err = executor.Run(hard, soft, executor.Work{Job: j.plan, Room: room, Resolver: j, Reporter: j})
	if err != nil {
		j.log().Error("a job ended because news of it could not be kept", "error", err)
	}
	return outcome, life.Err() == nil
}

// conclude brings the end of a job to the server: first the last byte of its logs, then its result, until the server
// says that it has both.
func (j *job) conclude(ctx context.Context, outcome executor.Outcome) {
	j.w.ship.failOpen(j.claim, "the agent could not keep it to its end") // nothing writes any more
	for {
		broken, err := j.w.ship.settle(ctx, j.claim)
		if err != nil {
			return
		}
		err = j.revise(func(r *wire.Report) error {
			r.Phase, r.Result, r.Cause = wire.PhaseFinished, outcome.Result, brief(outcome.Cause)
			for i, a := range r.Activities {
				if a.State == plan.Running { // its end could not be noted
					r.Activities[i].State, r.Activities[i].Result, r.Activities[i].Cause = plan.Done, plan.Lost, r.Cause
				}
				r.Activities[i].LogIncomplete = brief(broken[a.Name])
			}
			return nil
		})
		if err != nil { // it is not safe on disk, but the server can be told all the same
			j.log().Error("the end of a job could not be noted", "error", err)
			j.w.poke()
		}
		select {
		case <-j.final:
			return
		case <-ctx.Done():
			return
		case <-j.missing:
		}
		select {
		case <-time.After(missingPause):
		case <-ctx.Done():
			return
		}
		j.w.ship.reopen(j.claim)
	}
}

// forget drops all that is kept of a job, unless the agent itself ends: it will say the rest when it runs again.
func (j *job) forget(life context.Context) {
	if life.Err() != nil && !errors.Is(context.Cause(life), errDiscarded) {
		return
	}
	j.w.ship.drop(j.claim)
	if err := errors.Join(j.w.journal.forget(j.claim), j.w.spool.remove(j.claim)); err != nil {
		j.log().Error("a job could not be forgotten", "error", err)
	}
	j.w.mu.Lock()
	delete(j.w.jobs, j.claim)
	j.w.mu.Unlock()
	close(j.gone)
	j.w.poke()
}

// reported takes in what the server says to a report.
func (j *job) reported(r wire.Reported) {
	fill := func(c chan struct{}) {
		select {
		case c <- struct{}{}:
		default: // it was said before
		}
	}
	switch {
	case r.Final:
		fill(j.final)
	case r.Missing:
		fill(j.missing)
	}
}
