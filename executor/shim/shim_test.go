package shim_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tutti-ci/tutti/executor/shim"
)

func TestMark(t *testing.T) {
	for _, m := range []shim.Mark{
		{},
		{End: 84, At: 1500 * time.Microsecond, Stderr: true},
		{End: 1 << 40, At: 30 * 24 * time.Hour},
	} {
		data := m.Append([]byte("before"))[len("before"):]
		if len(data) != shim.MarkSize {
			t.Errorf("%+v has %d bytes", m, len(data))
		}
		got, err := shim.DecodeMark(data)
		if err != nil || got != m {
			t.Errorf("%+v became %+v, %v", m, got, err)
		}
	}
	// The form is a contract with the server.
	want := []byte{84, 0, 0, 0, 0, 0, 0, 0, 0xb9, 0x0b, 0, 0, 0, 0, 0, 0}
	if got := (shim.Mark{End: 84, At: 1500 * time.Microsecond, Stderr: true}).Append(nil); !bytes.Equal(got, want) {
		t.Errorf("encoded as %x", got)
	}
}

func FuzzDecodeMark(f *testing.F) {
	f.Add(bytes.Repeat([]byte{1}, shim.MarkSize))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := shim.DecodeMark(data)
		if err != nil {
			return
		}
		// Times beyond 292 years do not fit into a Duration; the end always fits.
		if again, err := shim.DecodeMark(m.Append(nil)); err != nil && m.At >= 0 || again.End != m.End && err == nil {
			t.Errorf("%x became %+v, then %+v, %v", data, m, again, err)
		}
	})
}

func TestSpool(t *testing.T) {
	var log, marks bytes.Buffer
	s := shim.NewSpool(&log, &marks, time.Now())
	for i, piece := range []string{"one\n", "two\n", "three"} {
		if err := s.Write(i == 1, []byte(piece)); err != nil {
			t.Fatal(err)
		}
	}
	end, markEnd := s.Ends()
	if log.String() != "one\ntwo\nthree" || end != 13 || markEnd != 3*shim.MarkSize || marks.Len() != 3*shim.MarkSize {
		t.Errorf("log %q, ends %d and %d", log.String(), end, markEnd)
	}
	if sum := sha256.Sum256(log.Bytes()); s.Sum() != hex.EncodeToString(sum[:]) {
		t.Errorf("hash %s", s.Sum())
	}
}

// half takes a few bytes and then no more.
type half struct{ bytes.Buffer }

func (h *half) Write(p []byte) (int, error) {
	n, _ := h.Buffer.Write(p[:min(len(p), max(0, 6-h.Len()))])
	if n < len(p) {
		return n, errors.New("full")
	}
	return n, nil
}

func TestSpoolErrFull(t *testing.T) {
	var log half
	var marks bytes.Buffer
	s := shim.NewSpool(&log, &marks, time.Now())
	if err := s.Write(false, []byte("one\n")); err != nil {
		t.Fatal(err)
	}
	for range 2 { // and it stays broken
		if err := s.Write(false, []byte("two\n")); err == nil || s.Err() == nil {
			t.Error("a full disk was not noticed")
		}
	}
	sum := sha256.Sum256([]byte("one\ntw"))
	if end, _ := s.Ends(); end != 6 || s.Sum() != hex.EncodeToString(sum[:]) {
		t.Errorf("it says %d bytes, hash %s", end, s.Sum())
	}
}

// TestContinueSpool goes on where a shim died while it wrote a mark.
func TestContinueSpool(t *testing.T) {
	dir := t.TempDir()
	open := func(name, text string) *os.File {
		t.Helper()
		f, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() })
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
		return f
	}
	log := open("log", "one\ntw")
	marks := open("marks", string(shim.Mark{End: 4}.Append(nil))+"half")
	s, err := shim.ContinueSpool(log, marks, time.Now().Add(-time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Write(true, []byte("o\n")); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(log.Name())
	if err != nil || string(text) != "one\ntwo\n" {
		t.Errorf("the log reads %q, %v", text, err)
	}
	sum := sha256.Sum256(text)
	if end, markEnd := s.Ends(); end != 8 || markEnd != 2*shim.MarkSize || s.Sum() != hex.EncodeToString(sum[:]) {
		t.Errorf("ends %d and %d, hash %s", end, markEnd, s.Sum())
	}
	data, err := os.ReadFile(marks.Name())
	if err != nil || len(data) != 2*shim.MarkSize {
		t.Fatalf("the marks have %d bytes, %v", len(data), err)
	}
	if m, err := shim.DecodeMark(data[shim.MarkSize:]); err != nil || m.End != 8 || m.At < time.Hour || !m.Stderr {
		t.Errorf("the last mark is %+v, %v", m, err)
	}
}

func connPair(t *testing.T) (a, b *shim.Conn) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	dialed, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := listener.AcceptUnix()
	if err != nil {
		t.Fatal(err)
	}
	a, b = shim.NewConn(dialed), shim.NewConn(accepted)
	t.Cleanup(func() { _ = a.Close(); _ = b.Close() })
	return a, b
}

func TestConn(t *testing.T) {
	a, b := connPair(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	sent := []shim.Message{
		{Hello: &shim.Hello{Version: 1, Token: "t"}},
		// Larger than any buffer on the way.
		{Go: &shim.Go{Activity: "a", Script: strings.Repeat("x", 4<<20)}, Files: []*os.File{w}},
		{Exit: &shim.Exit{Code: 3}},
	}
	failed := make(chan error, 1)
	go func() {
		defer close(failed)
		for _, m := range sent {
			if err := a.Send(m); err != nil {
				failed <- err
				return
			}
		}
	}()
	for i, want := range sent {
		got, err := b.Receive()
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Files) != len(want.Files) {
			t.Fatalf("message %d came with %d files", i, len(got.Files))
		}
		for _, f := range got.Files {
			if _, err := f.WriteString("through"); err != nil {
				t.Error(err)
			}
			if err := f.Close(); err != nil {
				t.Error(err)
			}
		}
		got.Files, want.Files = nil, nil
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("message %d (-sent +got):\n%.500s", i, diff)
		}
	}
	if err := <-failed; err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(r); string(text) != "through" {
		t.Errorf("the file carried %q, %v", text, err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Receive(); !errors.Is(err, io.EOF) {
		t.Errorf("after the end: %v", err)
	}
}
