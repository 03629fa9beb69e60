package gateway

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/server"
	"golang.org/x/sync/errgroup"
)

const (
	// syncPause is the least time between two commits for one agent, so that a log that comes in small pieces does not
	// keep the disk busy.
	syncPause = 10 * time.Millisecond
	// maxStreams bounds the logs that one connection may have open.
	maxStreams = 10_000
)

// An ingest is the second connection of a session.
type ingest struct {
	s    *session
	conn *wire.Logs
	// streams are those that the agent opened, by its numbers. Only the receiving goroutine touches the map.
	streams map[uint32]*inbound
	wake    chan struct{} // filled when dirty is not empty

	mu    sync.Mutex // guards dirty
	dirty map[*inbound]bool
}

// inbound is one stream; but for id and number it belongs to the receiving goroutine.
type inbound struct {
	id     server.LogID
	number uint32
	asked  int64 // the length of the last LogRewind, or -1
	broken bool  // what comes is dropped
}

// serveLogs serves the second connection of an agent.
func (g *Gateway) serveLogs(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	number, err := strconv.ParseInt(q.Get("session"), 10, 64)
	if err != nil {
		http.Error(w, "the session has no number", http.StatusBadRequest)
		return
	}
	s := g.session(server.AgentID(q.Get("agent")), number)
	if s == nil {
		http.Error(w, fmt.Sprintf("session %d of the agent is over", number), http.StatusConflict)
		return
	}
	conn, err := wire.AcceptLogs(w, r)
	if err != nil {
		s.log.Info("a connection for logs was refused", "error", err)
		return
	}
	defer conn.Close(wire.CloseNormal, "")
	if !s.attach(conn) {
		return
	}
	in := &ingest{s: s, conn: conn, streams: make(map[uint32]*inbound), wake: make(chan struct{}, 1), dirty: make(map[*inbound]bool)}
	group, ctx := errgroup.WithContext(r.Context())
	stop := context.AfterFunc(ctx, func() { conn.Close(wire.CloseInternal, "the server cannot take logs now") })
	defer stop()
	group.Go(func() error { return in.receive(ctx) })
	group.Go(func() error { return in.acknowledge(ctx) })
	if err := group.Wait(); wire.CloseCode(err) != wire.CloseNormal && !s.isEnding() {
		s.log.Warn("the connection for logs ended", "error", err)
	}
}

// attach makes conn the session's connection for logs, in the place of an older one.
func (s *session) attach(conn *wire.Logs) bool {
	s.mu.Lock()
	older := s.logs
	s.logs = conn
	ending := s.ending
	s.mu.Unlock()
	if older != nil {
		older.Close(wire.CloseReplaced, "a newer connection took over")
	}
	return !ending
}

// receive takes in frames. An error ends the connection, and with it the session: the agent comes back, and goes on from
// what is durable.
func (in *ingest) receive(ctx context.Context) error {
	for {
		frame, err := in.conn.Receive()
		if err != nil {
			return err
		}
		switch f := frame.(type) {
		case wire.LogOpen:
			err = in.open(ctx, f)
		case wire.LogData:
			err = in.data(f)
		default:
			err = errors.New("the agent sent a frame that only servers send")
		}
		if err != nil {
			return err
		}
	}
}

// open takes up a stream and says how much of it is here.
func (in *ingest) open(ctx context.Context, f wire.LogOpen) error {
	if len(in.streams) >= maxStreams {
		in.tidy()
	}
	if len(in.streams) >= maxStreams {
		return fmt.Errorf("the agent has more than %d logs open", maxStreams)
	}
	c := claimOf(f.Claim)
	id := server.LogID{Run: c.Run, Job: c.Job, Epoch: c.Epoch, Activity: f.Activity}
	names, err := in.s.activities(ctx, c)
	if err != nil {
		return err
	}
	if names == nil {
		return in.s.control.Send(wire.Stale{Claim: f.Claim})
	}
	if !names[f.Activity] {
		return fmt.Errorf("the agent opened a log of activity %q, which job %s does not have", f.Activity, c.Job)
	}
	length, err := in.s.g.Logs.Length(id)
	if err != nil {
		return err
	}
	in.streams[f.Stream] = &inbound{id: id, number: f.Stream, asked: -1}
	return in.conn.Send(wire.LogAck{Stream: f.Stream, Length: length})
}

// tidy forgets the streams of which nothing will come any more.
func (in *ingest) tidy() {
	maps.DeleteFunc(in.streams, func(_ uint32, st *inbound) bool {
		over := false
		c := server.Claim{Run: st.id.Run, Job: st.id.Job, Epoch: st.id.Epoch}
		held := in.s.grant(c, func(gr *grant) { over = gr.finished[st.id.Activity] || gr.incomplete[st.id.Activity] != "" })
		return !held || over
	})
}

// activities answers the names of the activities of a job; nil if the agent does not have it.
func (s *session) activities(ctx context.Context, c server.Claim) (names map[string]bool, err error) {
	if !s.grant(c, func(gr *grant) { names = gr.activities }) || names != nil {
		return names, nil
	}
	p, err := s.g.Jobs.JobPlan(ctx, c.Run, c.Job)
	if err != nil {
		return nil, err
	}
	names = make(map[string]bool, len(p.Activities))
	for _, a := range p.Activities {
		names[a.Name] = true
	}
	s.grant(c, func(gr *grant) { gr.activities = names })
	return names, nil
}

// data takes in bytes.
func (in *ingest) data(f wire.LogData) error {
	st := in.streams[f.Stream]
	if st == nil || st.broken {
		return nil
	}
	end, err := in.s.g.Logs.Append(st.id, f.Offset, f.Payload, f.Marks)
	var gap *server.LogGapError
	switch {
	case err == nil:
		st.asked = -1
		in.soil(st)
		return nil
	case errors.As(err, &gap):
		if st.asked == end {
			return nil // what was under way when it was asked for
		}
		st.asked = end
		return in.conn.Send(wire.LogRewind{Stream: f.Stream, Length: end})
	case errors.Is(err, server.ErrLogDiverged), errors.Is(err, server.ErrLogFinished):
		st.broken = true
		why := fmt.Sprintf("the agent sent other bytes from %d on than the server has: %v", f.Offset, err)
		return errors.Join(in.s.breakLog(st.id, why), in.conn.Send(wire.LogDiverged{Stream: f.Stream, At: f.Offset}))
	}
	return err
}

// soil notes that bytes of a log are not durable yet.
func (in *ingest) soil(st *inbound) {
	in.mu.Lock()
	in.dirty[st] = true
	in.mu.Unlock()
	fill(in.wake)
}

// acknowledge makes bytes durable and says so.
func (in *ingest) acknowledge(ctx context.Context) error {
	for {
		select {
		case <-in.wake:
		case <-ctx.Done():
			return ctx.Err()
		}
		in.mu.Lock()
		dirty := in.dirty
		in.dirty = make(map[*inbound]bool, len(dirty))
		in.mu.Unlock()
		for st := range dirty {
			end, err := in.s.g.Logs.Sync(st.id)
			if err != nil {
				return err
			}
			if err := in.conn.Send(wire.LogAck{Stream: st.number, Length: end}); err != nil {
				return err
			}
			if err := in.s.finishExpected(st.id, end); err != nil {
				return err
			}
		}
		select {
		case <-time.After(syncPause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
