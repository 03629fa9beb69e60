package web

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/tutti-ci/tutti/server"
)

const (
	newsPause    = 100 * time.Millisecond // at least between two pieces of news; the first is told at once
	newsBeat     = 15 * time.Second
	newsDeadline = 10 * time.Second
)

// streamNews tells a page that something about a run changed, or with no run given about any, or the server's troubles did, and
// nothing else: the page then fetches itself again and takes over what is different. So nothing can be lost, and what a page
// shows after news is what it shows when it is loaded.
func (s *Site) streamNews(w http.ResponseWriter, r *http.Request) error {
	run := server.AllRuns
	if text := r.URL.Query().Get("run"); text != "" {
		id, err := parseRunID(text)
		if err != nil {
			return err
		}
		run = id
	}
	heard, stop := s.Bell.Listen(run)
	defer stop()
	troubled, stopTroubled := s.Troubles.Listen()
	defer stopTroubled()
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	if err := sendNews(w, r, heard, troubled); err != nil && r.Context().Err() == nil {
		s.Log.DebugContext(r.Context(), "a page is gone", "err", err)
	}
	return nil
}

// sendNews runs until the client or the server ends. The first news comes at once: the page may be old already.
func sendNews(w http.ResponseWriter, r *http.Request, heard, troubled <-chan struct{}) error {
	rc := http.NewResponseController(w)
	beat := time.NewTicker(newsBeat)
	defer beat.Stop()
	event, pause := "change", time.After(0)
	for {
		if err := rc.SetWriteDeadline(time.Now().Add(newsDeadline)); err != nil {
			return fmt.Errorf("bounding a write to the stream: %w", err)
		}
		if _, err := fmt.Fprintf(w, "retry: 1000\nevent: %s\ndata: {}\n\n", event); err != nil {
			return fmt.Errorf("writing to the stream: %w", err)
		}
		if err := rc.Flush(); err != nil {
			return fmt.Errorf("flushing the stream: %w", err)
		}
		select {
		case <-r.Context().Done():
			return r.Context().Err()
		case <-pause:
		}
		select {
		case <-r.Context().Done():
			return r.Context().Err()
		case <-heard:
			event, pause = "change", time.After(newsPause)
		case <-troubled:
			event, pause = "change", time.After(newsPause)
		case <-beat.C:
			event, pause = "beat", time.After(0)
		}
	}
}

// parseRunID reads the number of a run.
func parseRunID(text string) (server.RunID, error) {
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id < 1 {
		return 0, server.Errorf(server.NotFound, "there is no run %q: runs are numbered from 1", text)
	}
	return server.RunID(id), nil
}
