package enginetest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/executor"
	"github.com/tutti-ci/tutti/executor/shim"
)

// A Spool is a log and its marks on the disk of a test.
type Spool struct {
	t          testing.TB
	log, marks *os.File
	told       atomic.Int64 // the end of the log by the engine's word
	bell       chan struct{}
}

// NewSpool answers an empty spool.
func NewSpool(t testing.TB) *Spool {
	t.Helper()
	s := &Spool{t: t, bell: make(chan struct{}, 1)}
	dir := t.TempDir()
	for name, file := range map[string]**os.File{"log": &s.log, "marks": &s.marks} {
		f, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() })
		*file = f
	}
	return s
}

// Output is what an engine gets.
func (s *Spool) Output() executor.Output {
	return executor.Output{Log: s.log, Marks: s.marks, Began: func() {}, Wrote: func(logEnd, _ int64) {
		s.told.Store(logEnd)
		select {
		case s.bell <- struct{}{}:
		default:
		}
	}}
}

// AwaitBytes waits until the engine has told of so many bytes.
func (s *Spool) AwaitBytes(n int64) {
	s.t.Helper()
	limit := time.After(20 * time.Second)
	for s.told.Load() < n {
		select {
		case <-s.bell:
		case <-limit:
			s.t.Fatalf("the engine told of %d bytes instead of %d", s.told.Load(), n)
		}
	}
}

// Text answers the log.
func (s *Spool) Text() string { return string(s.read(s.log)) }

// Marks answers the marks.
func (s *Spool) Marks() []shim.Mark {
	s.t.Helper()
	data := s.read(s.marks)
	if len(data)%shim.MarkSize != 0 {
		s.t.Fatalf("the marks have %d bytes", len(data))
	}
	var marks []shim.Mark
	for ; len(data) > 0; data = data[shim.MarkSize:] {
		m, err := shim.DecodeMark(data)
		if err != nil {
			s.t.Fatal(err)
		}
		marks = append(marks, m)
	}
	return marks
}

func (s *Spool) read(f *os.File) []byte {
	s.t.Helper()
	data, err := os.ReadFile(f.Name())
	if err != nil {
		s.t.Fatal(err)
	}
	return data
}

// checkAgainst says where an Exit does not describe the log.
func (s *Spool) checkAgainst(exit executor.Exit) {
	s.t.Helper()
	text := s.read(s.log)
	sum := sha256.Sum256(text)
	if exit.LogBytes != int64(len(text)) || exit.LogSHA256 != hex.EncodeToString(sum[:]) {
		s.t.Errorf("the exit says %d bytes with hash %s; the log has %d with %x", exit.LogBytes, exit.LogSHA256, len(text), sum)
	}
	if s.told.Load() != int64(len(text)) {
		s.t.Errorf("the engine told of %d bytes; the log has %d", s.told.Load(), len(text))
	}
	end := int64(0)
	for _, m := range s.Marks() {
		if m.End <= end {
			s.t.Errorf("a mark ends at %d after one that ends at %d", m.End, end)
		}
		end = m.End
	}
	if end != int64(len(text)) {
		s.t.Errorf("the marks end at %d, the log at %d", end, len(text))
	}
}

// Open opens a room that is closed at the end of the test.
func Open(t testing.TB, engine executor.Engine, spec executor.RoomSpec) executor.Room {
	t.Helper()
	room, err := engine.Open(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	closeLater(t, room)
	return room
}

func closeLater(t testing.TB, room executor.Room) {
	t.Helper()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := room.Close(ctx); err != nil {
			t.Errorf("closing the room: %v", err)
		}
	})
}

// Script answers a job of one activity.
func Script(image, script string) executor.RoomSpec {
	return executor.RoomSpec{Run: 1, Epoch: 1, Job: plan.Job{Name: "job", Activities: []plan.Activity{
		{Name: "only", Image: image, Script: script},
	}}}
}

// RunAll runs every activity of a job in one room, and checks the log of each against its exit.
func RunAll(t testing.TB, room executor.Room, job plan.Job) (exits []executor.Exit, texts []string) {
	t.Helper()
	for _, a := range job.Activities {
		spool := NewSpool(t)
		exit, err := room.Run(t.Context(), executor.Step{Activity: a}, spool.Output())
		if err != nil {
			t.Fatalf("running %s: %v", a.Name, err)
		}
		spool.checkAgainst(exit)
		exits, texts = append(exits, exit), append(texts, spool.Text())
	}
	return exits, texts
}
