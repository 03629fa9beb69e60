package shim_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-ci/tutti/executor/shim"
)

// A disk has room for some bytes, and takes as many as fit.
type disk struct {
	bytes.Buffer
	err error // instead of ENOSPC

	mu   sync.Mutex // guards room
	room int
}

func (d *disk) grow(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.room += n
}

func (d *disk) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := min(len(p), d.room)
	d.room -= n
	d.Buffer.Write(p[:n])
	if n == len(p) {
		return n, nil
	}
	err := d.err
	if err == nil {
		err = syscall.ENOSPC
	}
	return n, &fs.PathError{Op: "write", Path: "log", Err: err}
}

// patient answers a spool on two disks, and what it says of its waiting.
func patient(log, marks *disk, limit time.Duration) (*shim.Spool, *[]string) {
	said := new([]string)
	s := shim.NewSpool(log, marks, time.Now())
	s.Wait(limit, func(reason string) { *said = append(*said, reason) })
	return s, said
}

func TestSpoolWaitsForSpace(t *testing.T) {
	for name, full := range map[string]struct{ log, marks int }{
		"Log": {5, 1 << 20}, "Marks": {1 << 20, 0}, "HalfAMark": {1 << 20, 21}, "Both": {3, 7}, "AtOnce": {0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log, marks := &disk{room: full.log}, &disk{room: full.marks}
				s, said := patient(log, marks, time.Minute)
				makeSpace(t, 50*time.Second, func() {
					log.grow(1)
					marks.grow(1)
				})
				for i, piece := range []string{"one\n", "two\n", "three\n"} {
					if err := s.Write(i == 1, []byte(piece)); err != nil {
						t.Fatal(err)
					}
				}
				checkSpool(t, s, log.Bytes(), marks.Bytes(), "one\ntwo\nthree\n")
				if len(*said) < 2 || (*said)[0] != "no space left on device" || (*said)[len(*said)-1] != "" {
					t.Errorf("it said %q", *said)
				}
				if err := s.Err(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// makeSpace does something again and again until the end of the test.
func makeSpace(t *testing.T, every time.Duration, do func()) {
	go func() {
		for {
			select {
			case <-t.Context().Done():
				return
			case <-time.After(every):
				do()
			}
		}
	}()
}

// checkSpool looks whether all that a spool says is so.
func checkSpool(t *testing.T, s *shim.Spool, log, marks []byte, want string) {
	t.Helper()
	end, markEnd := s.Ends()
	if string(log) != want || end != int64(len(want)) {
		t.Errorf("the log has %d bytes of %d, and %d by the spool's word: %.200q", len(log), len(want), end, log)
	}
	if sum := sha256.Sum256(log); s.Sum() != hex.EncodeToString(sum[:]) {
		t.Error("the hash is of something else")
	}
	if markEnd != int64(len(marks)) {
		t.Fatalf("the marks have %d bytes, and %d by the spool's word", len(marks), markEnd)
	}
	last := shim.Mark{}
	for rest := marks; len(rest) > 0; rest = rest[shim.MarkSize:] {
		m, err := shim.DecodeMark(rest)
		if err != nil {
			t.Fatal(err)
		}
		if m.End <= last.End || m.At < last.At {
			t.Fatalf("the mark %+v follows %+v", m, last)
		}
		last = m
	}
	if last.End != int64(len(log)) {
		t.Errorf("the last mark ends at %d", last.End)
	}
}

func TestSpoolErrFullTooLong(t *testing.T) {
	for name, c := range map[string]struct {
		hurry bool
		err   error
		took  time.Duration
		words string
	}{
		"Limit":   {false, nil, 10 * time.Minute, "the agent's disk was full for 10m0s: no space left on device; 11 bytes of it are missing"},
		"Quota":   {false, syscall.EDQUOT, 10 * time.Minute, "the agent's disk was full for 10m0s: disk quota exceeded; 11 bytes of it are missing"},
		"Killed":  {true, nil, 7 * time.Second, "the agent's disk was full for 2s: no space left on device; 11 bytes of it are missing"},
		"NotFull": {false, syscall.EIO, 0, "writing the log: input/output error; 11 bytes of it are missing"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log, marks := &disk{room: 6, err: c.err}, &disk{room: 1 << 20}
				s, _ := patient(log, marks, shim.FullLimit)
				began := time.Now()
				if c.hurry {
					go func() {
						time.Sleep(5 * time.Second)
						s.Hurry()
						s.Hurry()
					}()
				}
				if err := s.Write(false, []byte("one\ntwo\nthree")); err == nil {
					t.Fatal("a full disk took it")
				}
				if took := time.Since(began); took != c.took {
					t.Errorf("it took %s", took)
				}
				log.grow(100) // too late
				if err := s.Write(true, []byte("more")); err == nil || s.Finish() == nil {
					t.Error("it wrote on behind a hole")
				}
				if err := s.Err(); err == nil || !strings.HasSuffix(err.Error(), c.words) {
					t.Errorf("it says %v", err)
				}
				checkSpool(t, s, log.Bytes(), marks.Bytes(), "one\ntw")
			})
		})
	}
}

// Whoever asks how far the log came never waits with it.
func TestEndsDoNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, marks := &disk{room: 0}, &disk{room: 1 << 20}
		s, _ := patient(log, marks, time.Minute)
		done := make(chan error, 1)
		go func() { done <- s.Write(false, []byte("x")) }()
		synctest.Wait()
		began := time.Now()
		if end, _ := s.Ends(); end != 0 || s.Err() != nil || !time.Now().Equal(began) {
			t.Errorf("it ends at %d, %v, after %s", end, s.Err(), time.Since(began))
		}
		if err := <-done; err == nil {
			t.Error("it was written")
		}
	})
}

// A real file system that is full takes up the log where it was, once there is space again.
func TestSpoolOnAFullDisk(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root may mount a small disk")
	}
	dir := t.TempDir()
	if err := syscall.Mount("tutti-test", dir, "tmpfs", 0, "size=128k"); err != nil {
		t.Skipf("a small disk cannot be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	log, marks := file(t, dir, "log", ""), file(t, dir, "marks", "")
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 64<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := shim.ContinueSpool(log, marks, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	freed := make(chan error, 1)
	s.Wait(time.Minute, func(reason string) {
		if reason != "" {
			freed <- os.Remove(ballast)
		}
	})
	var want strings.Builder
	for i := range 10 {
		line := fmt.Sprintf("%d %s\n", i, strings.Repeat("x", 8<<10))
		want.WriteString(line)
		if err := s.Write(false, []byte(line)); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case err := <-freed:
		if err != nil {
			t.Fatal(err)
		}
	default:
		t.Error("the disk was never full")
	}
	checkSpool(t, s, read(t, log), read(t, marks), want.String())
}

func file(t *testing.T, dir, name, text string) *os.File {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err == nil {
		t.Cleanup(func() { _ = f.Close() })
		_, err = f.WriteString(text)
	}
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func read(t *testing.T, f *os.File) []byte {
	t.Helper()
	data, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// FuzzSpool gives a log of random pieces disks that are full now and then, and looks whether any byte is lost or doubled.
func FuzzSpool(f *testing.F) {
	f.Add(uint64(1), uint16(0))
	f.Add(uint64(2), uint16(1000))
	f.Fuzz(func(t *testing.T, seed uint64, limit uint16) {
		synctest.Test(t, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 1))
			log, marks := &disk{}, &disk{}
			s, _ := patient(log, marks, time.Hour)
			s.Limit(int64(limit))
			makeSpace(t, time.Second, func() {
				log.grow(rng.IntN(40))
				marks.grow(rng.IntN(40))
			})
			pieces := rand.New(rand.NewPCG(seed, 2))
			var all []byte
			for range pieces.IntN(100) {
				piece := bytes.Repeat([]byte{byte('a' + pieces.IntN(26))}, 1+pieces.IntN(50))
				if pieces.IntN(2) == 0 {
					piece[len(piece)-1] = '\n'
				}
				all = append(all, piece...)
				if err := s.Write(pieces.IntN(2) == 0, piece); err != nil {
					t.Fatal(err)
				}
			}
			if err := errors.Join(s.Finish(), s.Err()); err != nil {
				t.Fatal(err)
			}
			checkSpool(t, s, log.Bytes(), marks.Bytes(), cut(t, all, log.Bytes(), int64(limit), s.Omitted()))
		})
	})
}
