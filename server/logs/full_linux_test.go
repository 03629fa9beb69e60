package logs_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/servertest/disk"
)

// A disk fills up while a log is written. What was acknowledged stays and can be read, also by a server that starts on the full
// disk; and once there is room the log goes on where it was, to its end.
func TestFullDisk(t *testing.T) {
	for _, restart := range []bool{false, true} {
		for _, piece := range []int{100, 5_000, 70_000} { // short writes of each kind
			t.Run(fmt.Sprintf("%v/%d", restart, piece), func(t *testing.T) {
				small := disk.Small(t, 4<<20)
				dir := filepath.Join(small, "logs")
				free := disk.Fill(t, small, 496<<10)
				s := openStore(t, dir)
				text := strings.Repeat("a line of usual length, and some more of it\n", 40_000)
				acked, at, failures := int64(0), int64(0), 0
				for failures < 20 {
					_, err := s.Append(testID, at, []byte(text[at:at+int64(piece)]), markOf(at+int64(piece), 1, false))
					if err == nil {
						at += int64(piece)
						var end int64
						if end, err = s.Sync(testID); err == nil {
							acked = end
						}
					}
					if err == nil {
						continue
					}
					if !errors.Is(err, syscall.ENOSPC) {
						t.Fatal(err)
					}
					failures++
					// As the agent does, which is told to wait and then asks where to go on.
					if at, err = s.Length(testID); err != nil {
						t.Fatal(err)
					}
					if at < acked {
						t.Fatalf("%d bytes were acknowledged, and %d are there", acked, at)
					}
				}
				if acked == 0 {
					t.Fatal("nothing was stored")
				}
				if err := s.Finish(testID, int64(len(text)), hashOf(text)); err == nil {
					t.Error("a log that is not there is finished")
				}
				if restart {
					if err := s.Close(); err != nil {
						t.Log(err)
					}
					s = openStore(t, dir)
				}
				if err := s.Probe(); err == nil {
					t.Error("there is said to be room")
				}
				if got, err := readAll(t, s); err != nil || int64(len(got)) < acked || !strings.HasPrefix(text, got) {
					t.Errorf("%d bytes can be read, %d were acknowledged; error %v", len(got), acked, err)
				}
				if lines, _, err := s.Lines(testID, acked/44-3, 2); err != nil || len(lines) != 2 {
					t.Errorf("%d lines can be read, error %v", len(lines), err)
				}

				free()
				if err := s.Probe(); err != nil {
					t.Error(err)
				}
				text = text[:min(len(text), int(acked)+200<<10)]
				at, err := s.Length(testID)
				if err != nil {
					t.Fatal(err)
				}
				appendAll(t, s, at, text[at:], markOf(int64(len(text)), 2, false))
				if err := s.Finish(testID, int64(len(text)), hashOf(text)); err != nil {
					t.Fatal(err)
				}
				if got, err := readAll(t, s); err != nil || got != text {
					t.Errorf("the log has %d bytes, want %d; error %v", len(got), len(text), err)
				}
				if info, err := s.Info(testID); err != nil || !info.Finished || info.Lines != int64(strings.Count(text, "\n"))+1 && !strings.HasSuffix(text, "\n") {
					t.Errorf("info is %+v, error %v", info, err)
				}
				if lines, total, err := s.Lines(testID, 2000, 1); err != nil || total < 2000 || len(lines) != 1 || string(lines[0].Text)+"\n" != text[:44] {
					t.Errorf("line 2000 of %d is %+v, error %v", total, lines, err)
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// The last word on a log needs room as well, and can be said again.
func TestFullDiskAtTheEndOfALog(t *testing.T) {
	small := disk.Small(t, 256<<10)
	s := openStore(t, filepath.Join(small, "logs"))
	const text = "one\ntwo\n"
	appendAll(t, s, 0, text, markOf(8, 1, false))
	if _, err := s.Sync(testID); err != nil {
		t.Fatal(err)
	}
	free := disk.Fill(t, small, 0)
	for range 3 {
		if err := s.Finish(testID, 8, hashOf(text)); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("the end answers %v", err)
		}
		if err := s.Abandon(server.LogID{Run: 7, Job: "test", Epoch: 2, Activity: "other"}, "gone"); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("the end of a log that never began answers %v", err)
		}
	}
	free()
	if err := s.Finish(testID, 8, hashOf(text)); err != nil {
		t.Fatal(err)
	}
	if got := content(t, s); got != text {
		t.Errorf("the log is %q", got)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
