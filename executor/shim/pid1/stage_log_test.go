//go:build linux

package pid1_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/executor/shim"
)

// ballast is a file that fills half of a small disk.
func ballast(t *testing.T, dir string) (path string) {
	t.Helper()
	path = filepath.Join(dir, "ballast")
	if err := os.WriteFile(path, make([]byte, 512<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func stalled(m shim.Message) bool { return m.Stalled != nil && m.Stalled.Reason != "" }

// A process waits while the disk of its log is full, whoever its agent is, and loses nothing.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	dir := smallDisk(t, "1m")
	s := newStage(t, dir)
	s.greet()
	path := ballast(t, dir)
	// Less than fits into the disk without the ballast, and more than fits into the pipe and the disk with it.
	s.start(shim.Go{Token: "one", Script: "seq 1 120000; echo end >&2"})
	if m := s.await(stalled); m.Stalled.Reason != "no space left on device" {
		t.Errorf("it waits for %q", m.Stalled.Reason)
	}
	s.leave()
	if hello := s.again(); hello.Exit != nil || hello.Wrote == nil || hello.Wrote.Log == 0 {
		t.Fatalf("another agent hears %+v", hello)
	}
	if m := s.receive(); !stalled(m) {
		t.Errorf("after its Hello the shim says %+v", m)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	s.await(func(m shim.Message) bool { return m.Stalled != nil && m.Stalled.Reason == "" })
	exit := s.exit()
	if exit.Code != 0 || exit.Err != "" {
		t.Errorf("it ended as %+v", exit)
	}
	var want strings.Builder
	for i := range 120_000 {
		fmt.Fprintln(&want, i+1)
	}
	// The two streams have no order between them.
	if text := s.text(exit); strings.Replace(text, "end\n", "", 1) != want.String() {
		t.Errorf("the log has %d bytes, want %d", len(text), want.Len()+4)
	}
}

// Whoever is killed while it waits for the disk ends soon, and says what is missing.
func TestFullDiskErrKilled(t *testing.T) {
	t.Parallel()
	for name, byLease := range map[string]bool{"ByTheAgent": false, "ByTheLease": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := smallDisk(t, "1m")
			s := newStage(t, dir)
			s.greet()
			ballast(t, dir)
			var lease *shim.Lease
			if byLease {
				lease = in(4 * time.Second)
			}
			s.start(shim.Go{Token: "one", Script: "yes", Lease: lease})
			s.await(stalled)
			began := time.Now()
			if !byLease {
				s.send(shim.Message{Signal: &shim.Signal{Name: shim.Kill}})
			}
			exit := s.exit()
			if took := time.Since(began); took > 12*time.Second {
				t.Errorf("it ended after %s", took)
			}
			if exit.Fenced != byLease || exit.Signal != "SIGKILL" || !strings.Contains(exit.Err, "no space left on device") {
				t.Errorf("it ended as %+v", exit)
			}
			var missing int64
			_, words, _ := strings.Cut(exit.Err, "; ")
			if _, err := fmt.Sscanf(words, "%d bytes of it are missing", &missing); err != nil {
				t.Errorf("it says %q", exit.Err)
			}
			// What is missing was in the pipe, or on its way from there: the process had nowhere else to write to.
			if text := s.text(exit); missing < 1<<10 || missing > 2<<20 || strings.Trim(text, "y\n") != "" {
				t.Errorf("%d bytes are missing of %d", missing, len(text))
			}
		})
	}
}

// A log that is over its limit keeps its beginning and its end, masked, through several tries.
func TestLogLimit(t *testing.T) {
	t.Parallel()
	const limit = 256 << 10
	s := newStage(t, t.TempDir())
	s.greet()
	const script = `awk 'BEGIN { for (i = 1; i <= 100000; i++) print "s3cr3t-value " i }'`
	for try := range 2 {
		s.start(shim.Go{Token: fmt.Sprint(try), Script: script, LogLimit: limit, Masks: []string{"s3cr3t-value"}})
		exit := s.exit()
		text := s.text(exit)
		line := fmt.Sprintf("[tutti: %d bytes left out here: the log is limited to 256 KiB (--log-limit)]\n", exit.Omitted)
		if exit.Code != 0 || exit.Omitted == 0 || strings.Count(text, line) != 1 || !strings.HasSuffix(text, "\n*** 100000\n") {
			t.Errorf("try %d ended as %+v, the log with %q", try, exit, text[max(0, len(text)-100):])
		}
		if !strings.HasPrefix(text, "*** 1\n*** 2\n") || strings.Contains(text, "s3cr3t") || len(text) > (try+4)*limit/4+4*limit/100+200 {
			t.Errorf("try %d leaves %d bytes, which begin with %q", try, len(text), text[:20])
		}
	}
}

// The same goes for a process that has ended by itself, and whose last words wait for the disk.
func TestFullDiskErrKilledAtItsEnd(t *testing.T) {
	t.Parallel()
	s := newStage(t, t.TempDir())
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	s.log = full
	s.greet()
	s.start(shim.Go{Token: "one", Script: "echo lost"})
	s.await(stalled)
	began := time.Now()
	for _, name := range []string{shim.Term, shim.Kill} {
		s.send(shim.Message{Signal: &shim.Signal{Name: name}})
	}
	exit := s.exit()
	if took := time.Since(began); took > 12*time.Second {
		t.Errorf("it ended after %s", took)
	}
	if exit.Code != 0 || exit.Log != 0 || !strings.HasSuffix(exit.Err, "; 5 bytes of it are missing") {
		t.Errorf("it ended as %+v", exit)
	}
}
