package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

const (
	// heartbeat keeps proxies from taking a quiet stream for a dead one; the shortest usual limit is 60 s.
	heartbeat = 15 * time.Second
	// writeTimeout is how long one piece of a stream may take to be written before the client counts as gone.
	writeTimeout = 10 * time.Second
)

// A stream writes server-sent events.
type stream struct {
	w  http.ResponseWriter
	rc *http.ResponseController
}

func startStream(w http.ResponseWriter) (*stream, error) {
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	s := &stream{w: w, rc: http.NewResponseController(w)}
	return s, s.write("retry: 1000\n\n")
}

// send writes one event and flushes it. An id of 0 leaves the client's last one as it is.
func (s *stream) send(id int64, event string, data any) error {
	body, err := json.Marshal(data) // on one line, so that it is one field
	if err != nil {
		return fmt.Errorf("writing event %s: %w", event, err)
	}
	head := ""
	if id > 0 {
		head = "id: " + strconv.FormatInt(id, 10) + "\n"
	}
	return s.write(head + "event: " + event + "\ndata: " + string(body) + "\n\n")
}

// beat writes a comment, which clients ignore.
func (s *stream) beat() error { return s.write(":\n\n") }

func (s *stream) write(text string) error {
	if err := s.rc.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return fmt.Errorf("bounding a write to the stream: %w", err)
	}
	if _, err := s.w.Write([]byte(text)); err != nil {
		return fmt.Errorf("writing to the stream: %w", err)
	}
	if err := s.rc.Flush(); err != nil {
		return fmt.Errorf("flushing the stream: %w", err)
	}
	return nil
}

// after reads where a client wants to go on: behind the last event that it got, or where its URL says.
func after(r *http.Request, name string, fallback int64) (int64, error) {
	if last := r.Header.Get("Last-Event-ID"); last != "" {
		if n, err := strconv.ParseInt(last, 10, 64); err == nil && n >= 0 {
			return n, nil
		}
	}
	return number(r, name, fallback, 0, 1<<62)
}
