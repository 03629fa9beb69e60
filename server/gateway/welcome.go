package gateway

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/tutti-ci/tutti/agent/protocol"
	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

// A meeting settles what is to become of the jobs that an agent comes with, or should have come with.
type meeting struct {
	s     *session
	hello wire.Hello
	held  map[server.Claim]server.HeldJob // that the store has with the agent
	known map[server.JobRef]server.JobStanding

	verdicts []wire.Verdict
	starts   []wire.Start
}

// welcome settles what is to become of each job that the agent has, or should have, and tells it.
func (s *session) welcome(ctx context.Context, hello wire.Hello) error {
	m, err := s.meet(ctx, hello)
	if err == nil {
		err = m.settle(ctx)
	}
	if isAway(err) {
		return errors.Join(err, s.control.Send(notNow))
	}
	if err != nil {
		return err
	}
	terms := s.g.Terms.OrDefault()
	err = s.control.Send(wire.Welcome{
		Protocol: min(hello.MaxProtocol, wire.MaxProtocol), Server: s.g.Version, Session: s.number,
		Suspect: plan.Duration(terms.Suspect), Fence: plan.Duration(terms.Fence), Verdicts: m.verdicts,
	})
	for _, start := range m.starts {
		err = errors.Join(err, s.control.Send(start))
	}
	return err
}

// meet reads what the store knows of all jobs that matter.
func (s *session) meet(ctx context.Context, hello wire.Hello) (*meeting, error) {
	m := &meeting{s: s, hello: hello, held: make(map[server.Claim]server.HeldJob)}
	held, err := s.g.Jobs.HeldJobs(ctx, s.id)
	if err != nil {
		return nil, away(err)
	}
	for _, h := range held {
		m.held[h.Claim] = h
	}
	refs := make([]server.JobRef, 0, len(hello.Jobs))
	for _, j := range hello.Jobs {
		refs = append(refs, claimOf(j.Claim).Ref())
	}
	if m.known, err = s.g.Jobs.Standings(ctx, refs); err != nil {
		return nil, away(err)
	}
	return m, m.sift(ctx, hello.Kept[:min(len(hello.Kept), wire.MaxKept)])
}

// sift leaves only those of the kept jobs of which the store may not know the end: what it believes to run here, and what was given out
// before it was restored from a backup. Otherwise hundreds of them would be looked up for each agent that comes.
func (m *meeting) sift(ctx context.Context, kept []wire.Claim) error {
	floor := int64(0)
	if len(kept) > 0 {
		first := claimOf(kept[0]).Ref()
		known, err := m.s.g.Jobs.Standings(ctx, []server.JobRef{first})
		if err != nil {
			return away(err)
		}
		floor = math.MaxInt64 // of what is unknown nobody can tell
		if j, exists := known[first]; exists {
			floor = j.Floor
		}
	}
	m.hello.Kept = nil
	var refs []server.JobRef
	for _, c := range kept {
		if _, held := m.held[claimOf(c)]; !held && c.Epoch > floor {
			continue
		}
		refs = append(refs, claimOf(c).Ref())
		m.hello.Kept = append(m.hello.Kept, c)
	}
	if len(refs) == 0 {
		return nil
	}
	more, err := m.s.g.Jobs.Standings(ctx, refs)
	if err != nil {
		return away(err)
	}
	maps.Copy(m.known, more)
	return nil
}

// settle rules on each job.
func (m *meeting) settle(ctx context.Context) error {
	// If it names several tries at one job, only the newest can be the store's.
	slices.SortStableFunc(m.hello.Jobs, func(a, b wire.Held) int { return cmp.Compare(b.Epoch, a.Epoch) })
	slices.SortStableFunc(m.hello.Kept, func(a, b wire.Claim) int { return cmp.Compare(b.Epoch, a.Epoch) })
	for _, j := range m.hello.Jobs {
		if err := m.judge(ctx, j); err != nil {
			return err
		}
	}
	for _, c := range m.hello.Kept {
		if err := m.judgeKept(ctx, c); err != nil {
			return err
		}
	}
	// An agent with trouble cannot tell that nothing of what it does not name still runs.
	sure := m.hello.Problem == ""
	for _, h := range m.held {
		if protocol.Absent(standingOf(h), sure) == protocol.Stay {
			continue
		}
		if err := m.s.g.forsake(ctx, h, "agent "+m.s.agent.Name+" came back without it"); err != nil {
			return err
		}
	}
	return nil
}

// judge rules on a job that the agent has.
func (m *meeting) judge(ctx context.Context, j wire.Held) error {
	c := claimOf(j.Claim)
	delete(m.held, c)
	known := standing(m.known[c.Ref()])
	if _, exists := m.known[c.Ref()]; !exists {
		known.Place = protocol.Unknown
	}
	v, move := protocol.Judge(string(m.s.id), j, known)
	if v.Do == wire.DoDiscard {
		m.verdicts = append(m.verdicts, v)
		return m.giveUp(ctx, c, move)
	}
	fence, ok, err := m.take(ctx, c, known, move)
	switch {
	case err != nil:
		return err
	case !ok:
		v = wire.Verdict{Claim: j.Claim, Do: wire.DoDiscard}
	case v.Do == wire.DoContinue && j.Phase == wire.PhaseAccepted:
		m.starts = append(m.starts, wire.Start{Claim: j.Claim, Valid: plan.Duration(fence)})
	}
	m.verdicts = append(m.verdicts, v)
	return nil
}

// giveUp ends a try that the agent has to forget, if it is the store's.
func (m *meeting) giveUp(ctx context.Context, c server.Claim, move protocol.Move) error {
	if move != protocol.Lose && move != protocol.Return {
		return nil
	}
	h := server.HeldJob{Claim: c, Running: move == protocol.Lose}
	return m.s.g.forsake(ctx, h, "agent "+m.s.agent.Name+" had not begun it when the server was restored")
}

// judgeKept rules on a job that the agent has put behind it, and that a restored store may not know the end of.
func (m *meeting) judgeKept(ctx context.Context, kept wire.Claim) error {
	c := claimOf(kept)
	j, exists := m.known[c.Ref()]
	if !exists {
		return nil
	}
	delete(m.held, c)
	known := standing(j)
	v, move, wanted := protocol.JudgeKept(string(m.s.id), kept, known)
	if !wanted {
		return nil
	}
	if _, ok, err := m.take(ctx, c, known, move); err != nil || !ok {
		return err
	}
	m.s.log.Warn("the end of a job is not known any more, and is asked for again", "run", c.Run, "job", c.Job, "epoch", c.Epoch)
	m.verdicts = append(m.verdicts, v)
	return nil
}

// take makes a job that the agent names the session's, after what has to change in the store. It answers false if something was faster.
func (m *meeting) take(ctx context.Context, c server.Claim, known protocol.Standing, move protocol.Move) (fence time.Duration, ok bool, err error) {
	fence = m.s.g.Terms.Of(known.Fence).Fence
	if move == protocol.Accept || move == protocol.Take {
		p, err := m.s.g.Jobs.JobPlan(ctx, c.Run, c.Job)
		if err != nil {
			return 0, false, away(err)
		}
		fence = m.s.fenceOf(p)
	}
	switch move {
	case protocol.Accept: // the connection broke before the Accept came through: here it is
		err = m.s.g.Jobs.Accept(ctx, c, fence)
	case protocol.Take:
		err = m.s.g.Jobs.AdoptClaim(ctx, m.s.id, c, fence)
	}
	if errors.Is(err, server.ErrStale) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, away(err)
	}
	if !m.s.g.renew(c) {
		return 0, false, nil // it is being given up
	}
	now := m.known[c.Ref()]
	now.Offered, now.Running, now.Agent, now.Epoch, now.Fence = false, true, m.s.id, c.Epoch, fence
	m.known[c.Ref()] = now
	gr := &grant{fence: fence}
	gr.Running = true
	gr.Tell(known.Cancel)
	m.s.hold(c, gr)
	return fence, true, nil
}

// fenceOf is for how long a job may go on without a word from the server.
func (s *session) fenceOf(p plan.Job) time.Duration {
	return s.g.Terms.Of(time.Duration(p.Fence)).Fence
}
