package auth

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"sync"
	"time"

	"github.com/tutti-ci/tutti/server/durable"
)

// SessionLife is how long a browser stays signed in.
const SessionLife = 7 * 24 * time.Hour

// sessions are the signed-in browsers. Their hashes live in a file, so that a restart of the server signs nobody out.
type sessions struct {
	path string
	now  func() time.Time

	mu    sync.Mutex // guards until, and orders writes of the file
	until map[string]time.Time
}

func openSessions(path string, now func() time.Time) (*sessions, error) {
	s := &sessions{path: path, now: now, until: map[string]time.Time{}}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading sessions: %w", err)
	}
	if err := json.Unmarshal(data, &s.until); err != nil {
		return nil, fmt.Errorf("reading sessions from %s (remove the file to sign everybody out): %w", path, err)
	}
	return s, nil
}

// add starts a session.
func (s *sessions) add() (Token, error) {
	id := NewToken()
	err := s.change(func(until map[string]time.Time) { until[id.hash()] = s.now().Add(SessionLife) })
	if err != nil {
		return "", fmt.Errorf("keeping session: %w", err)
	}
	return id, nil
}

// end ends a session; one that there is not is ended already.
func (s *sessions) end(id Token) error {
	err := s.change(func(until map[string]time.Time) { delete(until, id.hash()) })
	if err != nil {
		return fmt.Errorf("ending session: %w", err)
	}
	return nil
}

// change applies f to the sessions that have not ended, on disk first.
func (s *sessions) change(f func(until map[string]time.Time)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := maps.Clone(s.until)
	maps.DeleteFunc(next, func(_ string, until time.Time) bool { return !s.now().Before(until) })
	f(next)
	data, err := json.Marshal(next)
	if err != nil {
		return err
	}
	if err := durable.WriteFile(s.path, data); err != nil {
		return err
	}
	s.until = next
	return nil
}

// valid says whether id is a session that has not ended.
func (s *sessions) valid(id Token) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	until, ok := s.until[id.hash()]
	return ok && s.now().Before(until)
}

// move moves the ends of all sessions along when the clock is set. What cannot be written down counts all the same, until a restart.
func (s *sessions) move(by time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, until := range s.until {
		s.until[id] = until.Add(by)
	}
	data, err := json.Marshal(s.until)
	if err == nil {
		err = durable.WriteFile(s.path, data)
	}
	if err != nil {
		return fmt.Errorf("moving the ends of sessions: %w", err)
	}
	return nil
}
