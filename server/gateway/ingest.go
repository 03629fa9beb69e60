package gateway

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/server"
	"golang.org/x/sync/errgroup"
)

// maxStreams bounds the logs that one connection may have open.
const maxStreams = 10_000

// An ingest is the second connection of a session.
type ingest struct {
	s    *session
	conn *wire.Logs
	// streams are those that the agent opened, by its numbers. Only the receiving goroutine touches the map.
	streams map[uint32]*inbound
	wake    chan struct{} // filled when dirty is not empty

	mu    sync.Mutex // guards all below
	dirty map[*inbound]bool
	gaps  map[*inbound]gap
	pause time.Duration // of the last hold
}

// inbound is one stream; but for id, claim, number and held it belongs to the receiving goroutine.
type inbound struct {
	id     server.LogID
	claim  server.Claim
	number uint32
	asked  int64       // the length of the last LogRewind, or -1
	broken bool        // what comes is dropped
	held   atomic.Bool // the same, until the agent announces the log again
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
	in := &ingest{
		s: s, conn: conn, streams: make(map[uint32]*inbound), wake: make(chan struct{}, 1),
		dirty: make(map[*inbound]bool), gaps: make(map[*inbound]gap),
	}
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

// receive takes in frames. An error ends the connection: the agent comes back, and goes on from what is durable.
func (in *ingest) receive(ctx context.Context) error {
	for {
		frame, err := in.conn.Receive()
		if errors.Is(err, wire.ErrFrame) {
			in.conn.Close(wire.CloseProtocol, "a frame was damaged")
		}
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

// open takes up a stream and says how much of it is here. The same may be announced again at any time.
func (in *ingest) open(ctx context.Context, f wire.LogOpen) error {
	if len(in.streams) >= maxStreams {
		in.tidy()
	}
	if len(in.streams) >= maxStreams {
		return fmt.Errorf("the agent has more than %d logs open", maxStreams)
	}
	c := claimOf(f.Claim)
	id := server.LogID{Run: c.Run, Job: c.Job, Epoch: c.Epoch, Activity: f.Activity}
	if st := in.streams[f.Stream]; st != nil {
		if st.id != id {
			return fmt.Errorf("the agent opened two logs under the number %d", f.Stream)
		}
		in.close(st)
	}
	names, err := in.s.activities(ctx, c)
	if isAway(err) {
		return in.putOff(f.Stream, err)
	}
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
		return in.putOff(f.Stream, in.s.g.logsFailed(err))
	}
	in.streams[f.Stream] = &inbound{id: id, claim: c, number: f.Stream, asked: -1}
	return in.conn.Send(wire.LogAck{Stream: f.Stream, Length: length})
}

// close has a stream end: what comes on it is dropped until it is opened again.
func (in *ingest) close(st *inbound) {
	st.broken = true
	in.mu.Lock()
	delete(in.gaps, st)
	in.mu.Unlock()
}

// tidy forgets the streams of which nothing will come any more.
func (in *ingest) tidy() {
	maps.DeleteFunc(in.streams, func(_ uint32, st *inbound) bool {
		over := false
		held := in.s.grant(st.claim, func(gr *grant) { over = gr.finished[st.id.Activity] || gr.incomplete[st.id.Activity] != "" })
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
		return nil, away(err)
	}
	names = make(map[string]bool, len(p.Activities))
	for _, a := range p.Activities {
		names[a.Name] = true
	}
	s.grant(c, func(gr *grant) { gr.activities = names })
	return names, nil
}

// data takes in bytes. Those of a job that the agent does not have any more change nothing.
func (in *ingest) data(f wire.LogData) error {
	st := in.streams[f.Stream]
	if st == nil || st.broken || st.held.Load() {
		return nil
	}
	if !in.s.grant(st.claim, func(*grant) {}) {
		in.close(st)
		return nil
	}
	end, err := in.s.g.Logs.Append(st.id, f.Offset, f.Payload, f.Marks)
	var gap *server.LogGapError
	switch {
	case err == nil:
		st.asked = -1
		in.soil(st, end)
		return nil
	case errors.As(err, &gap):
		in.mind(st, end, f.Offset+int64(len(f.Payload)))
		if st.asked == end {
			return nil // what was under way when it was asked for
		}
		st.asked = end
		return in.conn.Send(wire.LogRewind{Stream: f.Stream, Length: end})
	case errors.Is(err, server.ErrLogDiverged), errors.Is(err, server.ErrLogFinished):
		in.close(st)
		why := fmt.Sprintf("the agent sent other bytes from %d on than the server has: %v", f.Offset, err)
		if err := in.s.breakLog(st.id, why); err != nil { // the job's report does it again
			in.s.log.Error("an incomplete log cannot be closed", "run", st.id.Run, "job", st.id.Job, "error", err)
		}
		return in.conn.Send(wire.LogDiverged{Stream: f.Stream, At: f.Offset})
	}
	st.held.Store(true)
	return in.putOff(f.Stream, in.s.g.logsFailed(err))
}
