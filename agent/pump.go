package agent

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"time"

	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/dsl/plan"
)

// A pump says to the server of one session what is so and was not said yet. It keeps no queue: what changed twice is said
// once.
type pump struct {
	w       *worker
	control *wire.Control
	status  wire.Status // as it was said last
	told    map[wire.Claim]*told
}

// told is what this session was told of a job.
type told struct {
	accepted bool
	revision int64
	asked    *question
}

func (w *worker) newPump(control *wire.Control) *pump {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.declined = nil // the server took those offers back when the session ended
	return &pump{w: w, control: control, told: make(map[wire.Claim]*told)}
}

// hello is the first message.
func (p *pump) hello() wire.Hello {
	p.status = p.w.status()
	m := wire.Hello{
		MinProtocol: wire.MinProtocol, MaxProtocol: wire.MaxProtocol,
		Agent: p.w.id, Instance: p.w.instance, Name: p.w.Name, Version: p.w.Version,
		OS: runtime.GOOS, Arch: runtime.GOARCH, BootID: bootID(), Status: p.status,
	}
	for _, j := range p.w.all() {
		j.mu.Lock()
		if j.accepted {
			m.Jobs = append(m.Jobs, wire.Held{Claim: j.claim, Phase: j.report.Phase})
			p.told[j.claim] = &told{accepted: true}
		}
		j.mu.Unlock()
	}
	return m
}

// run says what is new whenever there is something, and pings, until the connection breaks or ctx ends.
func (p *pump) run(ctx context.Context) error {
	tick := time.NewTicker(wire.PingInterval)
	defer tick.Stop()
	for {
		if err := p.flush(); err != nil {
			return err
		}
		select {
		case <-p.w.wake:
		case <-tick.C:
			if err := p.control.Send(p.ping()); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (p *pump) ping() wire.Ping {
	var m wire.Ping
	for _, j := range p.w.all() {
		m.Jobs = append(m.Jobs, j.claim)
	}
	return m
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
	}
	return nil
}

// shorten says that a job is lost of which all there is to say does not fit into a message. To end the session would not
// help: the next one would have to say the same.
func (p *pump) shorten(r wire.Report, why *wire.TooLargeError) error {
	p.w.log.Error("a report is too large", "run", r.Run, "job", r.Job, "epoch", r.Epoch, "bytes", why.Size)
	if r.Result == "" {
		p.w.tell(r.Claim, func(j *job) { j.cancel(why) }) // its last report comes instead
		return nil
	}
	err := p.control.Send(lostReport(r, why))
	if errors.As(err, &why) {
		r.Activities = nil
		err = p.control.Send(lostReport(r, why))
	}
	return err
}

// lostReport is r with no more than the server needs to end the job and its logs.
func lostReport(r wire.Report, why error) wire.Report {
	short := wire.Report{Claim: r.Claim, Revision: r.Revision, Phase: r.Phase, Result: plan.Lost, Cause: brief(why.Error())}
	for _, a := range r.Activities {
		// No outputs: the jobs that need them do not run, because this one is lost.
		slim := wire.ActivityReport{Name: a.Name, State: a.State, Result: a.Result, LogBytes: a.LogBytes, LogSHA256: a.LogSHA256}
		if a.LogIncomplete != "" {
			slim.LogIncomplete = "it is not complete"
		}
		short.Activities = append(short.Activities, slim)
	}
	return short
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
	for _, j := range jobs {
		news = append(news, p.newsOf(j)...)
	}
	if len(p.told) > len(jobs) {
		p.tidy(jobs)
	}
	return news
}

// newsOf answers what is new of one job.
func (p *pump) newsOf(j *job) []wire.Message {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.accepted {
		return nil
	}
	t := p.told[j.claim]
	if t == nil {
		t = new(told)
		p.told[j.claim] = t
	}
	var news []wire.Message
	if !t.accepted {
		t.accepted = true
		news = append(news, wire.Accept{Claim: j.claim})
	}
	if t.revision < j.report.Revision {
		t.revision = j.report.Revision
		news = append(news, j.report)
	}
	if t.asked != j.asked { // behind the report of what came before it
		t.asked = j.asked
		if j.asked != nil {
			news = append(news, wire.Ask{Claim: j.claim, Activity: j.asked.activity})
		}
	}
	return news
}

// tidy drops what was told of jobs that are gone.
func (p *pump) tidy(jobs []*job) {
	for c := range p.told {
		if !slices.ContainsFunc(jobs, func(j *job) bool { return j.claim == c }) {
			delete(p.told, c)
		}
	}
}
