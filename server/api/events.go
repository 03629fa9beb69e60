package api

import (
	"context"
	"net/http"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

// changesPage is how many changes are read from the store at once.
const changesPage = 500

// streamChanges sends the history of a run from its beginning, or from where the client was, and goes on until the run is
// done. The events' ids are the changes' numbers. A client that was somewhere where this server never was, because it was restored
// from a backup since, is told so by the event "reset", and gets the history from its beginning.
func (a *API) streamChanges(w http.ResponseWriter, r *http.Request) error {
	id, err := runID(r)
	if err != nil {
		return err
	}
	seq, err := after(r, "after", 0)
	if err != nil {
		return err
	}
	heard, stop := a.Bell.Listen(id) // before the first look, so that nothing falls between
	defer stop()
	run, err := a.Runs.Run(r.Context(), id)
	if err != nil {
		return err
	}
	known, err := a.issued(r.Context(), id, seq)
	if err != nil {
		return err
	}
	s, err := startStream(w)
	if err != nil {
		return nil // the client is gone
	}
	if !known {
		seq = 0
		if err := s.send(0, "reset", struct{}{}); err != nil {
			a.cut(r, err)
		}
	}
	if err := a.sendChanges(r.Context(), s, run, seq, heard); err != nil {
		a.cut(r, err)
	}
	return nil
}

// issued says whether a run has a change of that number, or it is 0.
func (a *API) issued(ctx context.Context, id server.RunID, seq int64) (bool, error) {
	if seq == 0 {
		return true, nil
	}
	changes, err := a.Runs.Changes(ctx, id, seq-1, 1)
	return len(changes) > 0 && changes[0].Seq == seq, err
}

func (a *API) sendChanges(ctx context.Context, s *stream, run server.Run, seq int64, heard <-chan struct{}) error {
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		last, err := a.sendChangesAfter(ctx, s, run.ID, seq)
		if err != nil {
			return err
		}
		seq = last
		if run.State == plan.Done { // was so before the last look: nothing can have come after it
			return s.send(0, "end", struct{}{})
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-beat.C:
			err = s.beat()
		case <-heard:
			run, err = a.Runs.Run(ctx, run.ID)
		}
		if err != nil {
			return err
		}
	}
}

// sendChangesAfter sends what there is after seq, and answers the number of the last.
func (a *API) sendChangesAfter(ctx context.Context, s *stream, id server.RunID, seq int64) (int64, error) {
	for {
		changes, err := a.Runs.Changes(ctx, id, seq, changesPage)
		if err != nil {
			return seq, err
		}
		for _, c := range changes {
			if err := s.send(c.Seq, c.Kind, c); err != nil {
				return seq, err
			}
			seq = c.Seq
		}
		if len(changes) < changesPage {
			return seq, nil
		}
	}
}

// cut ends a stream before its end in a way that the client can tell from the end, so that it comes back: the connection
// breaks. What broke it is worth a line in the log if it was neither the client nor the server's own end.
func (a *API) cut(r *http.Request, err error) {
	if r.Context().Err() == nil {
		a.Log.InfoContext(r.Context(), "stream was cut", "path", r.URL.Path, "err", err)
	}
	panic(http.ErrAbortHandler)
}
