package agent

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/tutti-ci/tutti/agent/protocol"
	"github.com/tutti-ci/tutti/agent/wire"
)

// A pump says to the server of one session what is so and was not said yet. It keeps no queue: what changed twice is said
// once. With each ping it says again what the server should have answered, and did not.
type pump struct {
	w       *worker
	control *wire.Control
	terms   protocol.Terms
	greeted time.Duration // when the Hello was sent, by worker.boottime
	name    string        // as it was said
	status  wire.Status   // as it was said last
	seq     int64         // of the last ping

	mu    sync.Mutex // guards what follows
	told  map[wire.Claim]*told
	pings map[int64]time.Duration // when the last ones were sent, by worker.boottime
}

// told is what this session was told of a job.
type told struct {
	accepted bool          // that the agent has it
	said     time.Duration // when that was said first, by worker.boottime
	again    bool          // it is to be said once more
	revision int64         // of the report that was sent last
	reported int64         // the latest that the server has
	sent     time.Time     // when that report was
	asked    *question
	askedAt  time.Time
}

const (
	// maxPings is how many pings may be on their way at once; what answers older ones renews nothing.
	maxPings = 64
	// statusEvery is after how many pings the status is said again.
	statusEvery = 4
	// minPing is the shortest time between two pings.
	minPing = 20 * time.Millisecond
)

func (w *worker) newPump(control *wire.Control) *pump {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.declined = nil // the server took those offers back when the session ended
	return &pump{w: w, control: control, told: make(map[wire.Claim]*told), pings: make(map[int64]time.Duration)}
}

// hello is the first message.
func (p *pump) hello() wire.Hello {
	p.status, p.name = p.w.status(), p.w.current().Name
	m := wire.Hello{
		MinProtocol: wire.MinProtocol, MaxProtocol: wire.MaxProtocol,
		Agent: p.w.id, Instance: p.w.instance, Name: p.name, Version: p.w.Version,
		OS: runtime.GOOS, Arch: runtime.GOARCH, BootID: p.w.boot, Status: p.status,
		Kept: p.w.kept(),
	}
	p.greeted = p.w.boottime()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, j := range p.w.all() {
		if phase, say := j.held(); say {
			m.Jobs = append(m.Jobs, wire.Held{Claim: j.claim, Phase: phase})
			p.told[j.claim] = &told{accepted: true, said: p.greeted}
		}
	}
	return m
}

// recalled notes that the server knows of a kept job, which it wants again: the Hello named it.
func (p *pump) recalled(c wire.Claim) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.told[c] = &told{accepted: true, said: p.greeted}
}

// saidAt answers when the server was first told in this session that the agent has a job.
func (p *pump) saidAt(c wire.Claim) (at time.Duration, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.told[c]
	if t == nil || !t.accepted {
		return 0, false
	}
	return t.said, true
}

// pingAt answers when a ping was sent.
func (p *pump) pingAt(seq int64) (at time.Duration, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at, ok = p.pings[seq]
	return at, ok
}

// reported notes which report of a job the server has.
func (p *pump) reported(c wire.Claim, revision int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if t := p.told[c]; t != nil {
		t.reported = max(t.reported, revision)
	}
}

// run pings and says what is new whenever there is something, until the connection breaks or ctx ends. The first ping comes at
// once: jobs of before a restart of the agent wait for it.
func (p *pump) run(ctx context.Context) error {
	clock := time.NewTimer(0)
	defer clock.Stop()
	for {
		select {
		case <-p.w.wake:
		case <-clock.C:
			if err := p.ping(); err != nil {
				return err
			}
			pause := p.pingPause()
			p.remind(time.Now(), pause)
			clock.Reset(pause)
		case <-ctx.Done():
			return ctx.Err()
		}
		if p.name != p.w.current().Name {
			return errRenamed
		}
		if err := p.flush(); err != nil {
			return err
		}
	}
}

// pingPause is the time to the next ping, by the shortest fence that there is.
func (p *pump) pingPause() time.Duration {
	pause := p.terms.Ping()
	if fence := p.w.shortestFence(); fence > 0 {
		pause = min(pause, p.terms.Of(fence).Ping())
	}
	return max(pause, minPing)
}

// ping renews the leases of the jobs that the server knows of.
func (p *pump) ping() error {
	p.seq++
	m := wire.Ping{Seq: p.seq}
	now := p.w.boottime()
	p.mu.Lock()
	p.pings[p.seq] = now
	delete(p.pings, p.seq-maxPings)
	for _, j := range p.w.all() {
		if t := p.told[j.claim]; t != nil && t.accepted {
			m.Jobs = append(m.Jobs, j.claim)
		}
	}
	p.mu.Unlock()
	if err := p.control.Send(m); err != nil {
		return err
	}
	if p.seq%statusEvery == 0 {
		return p.control.Send(p.status)
	}
	return nil
}

// remind has said again what the server owes an answer to for so long: a Start, a Reported, an Answer.
func (p *pump) remind(now time.Time, pause time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, j := range p.w.all() {
		t := p.told[j.claim]
		if t == nil || !t.accepted {
			continue
		}
		if phase, _ := j.held(); phase == wire.PhaseAccepted && p.w.boottime()-t.said >= pause {
			t.again = true
		}
		if t.revision > t.reported && now.Sub(t.sent) >= pause {
			t.revision = t.reported
		}
		if t.asked != nil && now.Sub(t.askedAt) >= pause {
			t.asked = nil
		}
	}
}

// flush says all that is new.
func (p *pump) flush() error {
	for _, m := range p.news() {
		err := p.control.Send(m)
		var large *wire.TooLargeError
		if report, ok := m.(wire.Report); ok && errors.As(err, &large) {
			err = p.shorten(report, large)
		}
		if err != nil {
			return err
		}
		if _, ok := m.(wire.Accept); ok {
			if err := p.w.trap("agent.after_accept_send"); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *pump) news() []wire.Message {
	var news []wire.Message
	if s := p.w.status(); s.Capacity != p.status.Capacity || s.Problem != p.status.Problem || !slices.Equal(s.Labels, p.status.Labels) {
		p.status = s
		news = append(news, s)
	}
	p.w.mu.Lock()
	for _, d := range p.w.declined {
		news = append(news, d)
	}
	p.w.declined = nil
	p.w.mu.Unlock()
	jobs := p.w.all()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, j := range jobs {
		news = append(news, p.newsOf(j, time.Now())...)
	}
	if len(p.told) > len(jobs) {
		p.tidy(jobs)
	}
	return news
}

// newsOf answers what is new of one job. The caller holds p.mu.
func (p *pump) newsOf(j *job, now time.Time) []wire.Message {
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, say := j.hold.Held(); !say {
		return nil
	}
	t := p.told[j.claim]
	if t == nil {
		t = &told{said: p.w.boottime()}
		p.told[j.claim] = t
	}
	var news []wire.Message
	if !t.accepted || t.again {
		t.accepted, t.again = true, false
		news = append(news, wire.Accept{Claim: j.claim})
	}
	if t.revision < j.report.Revision {
		t.revision, t.sent = j.report.Revision, now
		news = append(news, j.report)
	}
	if t.asked != j.asked { // behind the report of what came before it
		t.asked, t.askedAt = j.asked, now
		if j.asked != nil {
			news = append(news, wire.Ask{Claim: j.claim, Activity: j.asked.activity})
		}
	}
	return news
}

// tidy drops what was told of jobs that are gone. The caller holds p.mu.
func (p *pump) tidy(jobs []*job) {
	for c := range p.told {
		if !slices.ContainsFunc(jobs, func(j *job) bool { return j.claim == c }) {
			delete(p.told, c)
		}
	}
}
