package logs_test

import (
	"testing"

	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/logs"
)

func TestPlace(t *testing.T) {
	s, err := logs.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	id := server.LogID{Run: 1, Job: "test", Epoch: 1, Activity: "unit"}
	if _, err := s.Append(id, 0, []byte("one\n\nthree\nhalf"), nil); err != nil {
		t.Fatal(err)
	}
	for line, want := range map[int64][2]int64{1: {0, 3}, 2: {4, 4}, 3: {5, 10}, 4: {11, 15}, 5: {15, 15}, 0: {15, 15}} {
		start, end, err := s.Place(id, line)
		if err != nil || [2]int64{start, end} != want {
			t.Errorf("line %d is at %d to %d (%v), want %v", line, start, end, err, want)
		}
	}
}
