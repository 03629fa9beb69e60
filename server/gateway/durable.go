package gateway

import (
	"context"
	"time"

	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/server"
)

const (
	// syncPause is the least time between two commits for one agent, so that a log that comes in small pieces does not
	// keep the disk busy.
	syncPause = 10 * time.Millisecond
	// gapPatience is how long bytes may be missing that were asked for, before they are asked for again.
	gapPatience = 2 * time.Second
)

// A gap is what is missing of a log of which later bytes came, and were dropped.
type gap struct {
	from, to int64
	since    time.Time
}

// soil notes that bytes of a log are not durable yet, and how far it came.
func (in *ingest) soil(st *inbound, end int64) {
	in.mu.Lock()
	in.dirty[st] = true
	if g, ok := in.gaps[st]; ok {
		g.from, g.since = end, time.Now()
		in.gaps[st] = g
		if g.from >= g.to {
			delete(in.gaps, st)
		}
	}
	in.mu.Unlock()
	fill(in.wake)
}

// mind notes a gap.
func (in *ingest) mind(st *inbound, from, to int64) {
	in.mu.Lock()
	g, ok := in.gaps[st]
	if !ok {
		g.since = time.Now()
	}
	g.from, g.to = from, max(to, g.to)
	in.gaps[st] = g
	in.mu.Unlock()
	if !ok {
		fill(in.wake)
	}
}

// acknowledge makes bytes durable and says so.
func (in *ingest) acknowledge(ctx context.Context) error {
	look := time.NewTimer(gapPatience)
	defer look.Stop()
	for {
		select {
		case <-in.wake:
		case <-look.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		in.mu.Lock()
		dirty := in.dirty
		in.dirty = make(map[*inbound]bool, len(dirty))
		in.mu.Unlock()
		for st := range dirty {
			if err := in.commit(st); err != nil {
				return err
			}
		}
		wait, err := in.fillGaps()
		if err != nil {
			return err
		}
		look.Reset(wait)
		select {
		case <-time.After(syncPause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// commit makes one log durable as far as it came.
func (in *ingest) commit(st *inbound) error {
	end, err := in.s.g.Logs.Sync(st.id)
	if err != nil {
		st.held.Store(true)
		return in.putOff(st.number, in.s.g.logsFailed(err))
	}
	in.works()
	if err := in.conn.Send(wire.LogAck{Stream: st.number, Length: end}); err != nil {
		return err
	}
	if err := in.s.finishExpected(st.id, end); err != nil { // the job's report does it again
		in.s.log.Error("a log cannot be finished now", "run", st.id.Run, "job", st.id.Job, "error", err)
	}
	return nil
}

// fillGaps asks again for what was asked for, and did not come: what was said may have been lost, or have come in another order.
// It answers when to look again.
func (in *ingest) fillGaps() (time.Duration, error) {
	var ask []wire.LogRewind
	now := time.Now()
	in.mu.Lock()
	wait := time.Hour // until something happens
	for st, g := range in.gaps {
		if st.held.Load() || !in.s.grant(st.claim, func(*grant) {}) {
			delete(in.gaps, st)
			continue
		}
		if now.Sub(g.since) >= gapPatience {
			ask = append(ask, wire.LogRewind{Stream: st.number, Length: g.from})
			g.since = now
			in.gaps[st] = g
		}
		wait = gapPatience
	}
	in.mu.Unlock()
	for _, f := range ask {
		if err := in.conn.Send(f); err != nil {
			return 0, err
		}
	}
	return wait, nil
}

// finishExpected finishes a log whose last byte may just have come.
func (s *session) finishExpected(id server.LogID, length int64) error {
	var end logEnd
	c := server.Claim{Run: id.Run, Job: id.Job, Epoch: id.Epoch}
	s.grant(c, func(gr *grant) {
		if e, ok := gr.expected[id.Activity]; ok && e.bytes <= length {
			end = e
			delete(gr.expected, id.Activity)
		}
	})
	if end.sha256 == "" {
		return nil
	}
	_, err := s.finishLog(c, &server.ActivityReport{Name: id.Activity, LogBytes: end.bytes, LogSHA256: end.sha256})
	return err
}
