package server_test

import (
	"sync"
	"testing"

	"github.com/tutti-ci/tutti/server"
)

func TestBell(t *testing.T) {
	var bell server.Bell
	one, stopOne := bell.Listen(1)
	two, stopTwo := bell.Listen(2)
	all, stopAll := bell.Listen(server.AllRuns)
	defer stopTwo()
	defer stopAll()
	rings := func(c <-chan struct{}) int {
		n := 0
		for {
			select {
			case <-c:
				n++
			default:
				return n
			}
		}
	}
	for range 3 {
		bell.Ring(1)
	}
	if a, b, c := rings(one), rings(two), rings(all); a != 1 || b != 0 || c != 1 {
		t.Errorf("heard %d, %d and %d times, want 1, 0 and 1", a, b, c)
	}
	stopOne()
	bell.Ring(1)
	if n := rings(one); n != 0 {
		t.Errorf("heard %d times after stop", n)
	}
	if n := rings(all); n != 1 {
		t.Errorf("all heard %d times, want 1", n)
	}
}

// TestBellLosesNothing rings after each change of a number; a listener that reads it at each ring ends with the last.
func TestBellLosesNothing(t *testing.T) {
	var bell server.Bell
	heard, stop := bell.Listen(1)
	defer stop()
	var mu sync.Mutex
	now, seen := 0, 0
	var wg sync.WaitGroup
	wg.Go(func() {
		for range 1000 {
			mu.Lock()
			now++
			mu.Unlock()
			bell.Ring(1)
		}
	})
	for seen < 1000 {
		<-heard
		mu.Lock()
		seen = now
		mu.Unlock()
	}
	wg.Wait()
}
