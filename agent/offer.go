package agent

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/dsl/plan"
)

// take begins with an offered job, or declines it. An offer that comes again changes nothing, however late.
func (w *worker) take(ctx context.Context, offer wire.Offer) {
	p, err := readOffer(offer)
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.offered.next(offer.Claim) {
		return
	}
	if err == nil {
		err = w.refusal(offer.Claim)
	}
	if err != nil {
		w.decline(offer.Claim, err)
		return
	}
	j, in := w.newJob(ctx, offer, p)
	w.jobs[offer.Claim] = j
	w.running.Go(func() { j.run(in) })
}

// refusal says why an offer cannot be taken now, if so. The caller holds mu.
func (w *worker) refusal(c wire.Claim) error {
	problem := w.health.problem()
	switch {
	case w.stopping:
		return errStopped
	case w.draining:
		return errors.New("the agent is being drained")
	case problem != "":
		return errors.New(problem)
	case w.unfinished() >= w.settings.Capacity:
		return fmt.Errorf("the agent runs %d jobs already", w.settings.Capacity)
	}
	for _, j := range w.jobs {
		if j.claim.Run == c.Run && j.claim.Job == c.Job && !j.isEnded() {
			return errors.New("an earlier try at the job still has to end on this agent")
		}
	}
	return nil
}

// unfinished counts the jobs that use the engine. The caller holds mu.
func (w *worker) unfinished() int {
	n := 0
	for _, j := range w.jobs {
		if !j.isEnded() {
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

// epochs are the last ones that were offered of each job, of the last jobs: a message that comes late, or twice, is not the news that
// it once was. The zero epochs knows none.
type epochs struct {
	last  map[jobName]int64
	names []jobName // the oldest first
}

type jobName struct {
	run int64
	job string
}

// maxEpochs is far more than offers can be under way.
const maxEpochs = 1000

// next says whether an offer is of a later try than those before it, and notes it.
func (e *epochs) next(c wire.Claim) bool {
	name := jobName{c.Run, c.Job}
	last, known := e.last[name]
	if known && c.Epoch <= last {
		return false
	}
	if e.last == nil {
		e.last = make(map[jobName]int64)
	}
	e.last[name] = c.Epoch
	if known {
		return true
	}
	if e.names = append(e.names, name); len(e.names) > maxEpochs {
		delete(e.last, e.names[0])
		e.names = e.names[1:]
	}
	return true
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
