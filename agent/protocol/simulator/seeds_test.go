package simulator

import (
	"flag"
	"fmt"
	"strings"
	"testing"
)

var (
	oneSeed = flag.Uint64("seed", 0, "play this seed only, and print all that happens")
	seeds   = flag.Uint64("seeds", 200, "how many seeds to play")
)

func TestSeeds(t *testing.T) {
	t.Parallel()
	if *oneSeed != 0 {
		w := newWorld(*oneSeed, broken{})
		w.verbose = func(line string) { fmt.Println(line) }
		if failure := w.play(); failure != "" {
			t.Fatalf("seed %d: %s", *oneSeed, failure)
		}
		return
	}
	most := *seeds
	if slow {
		most = min(most, 20)
	}
	for seed := uint64(1); seed <= most; seed++ {
		if failure := newWorld(seed, broken{}).play(); failure != "" {
			t.Errorf("seed %d: %s\nplay it again: go test ./agent/protocol/simulator -run TestSeeds -seed %d -v", seed, failure, seed)
		}
	}
}

func TestTheSameSeedPlaysTheSame(t *testing.T) {
	t.Parallel()
	for seed := uint64(1); seed <= 5; seed++ {
		var traces [2]strings.Builder
		for i := range traces {
			w := newWorld(seed, broken{})
			w.verbose = func(line string) { fmt.Fprintln(&traces[i], line) }
			w.play()
		}
		if traces[0].Len() < 1000 {
			t.Errorf("seed %d: the trace has %d bytes only", seed, traces[0].Len())
		}
		if traces[0].String() != traces[1].String() {
			t.Errorf("seed %d plays differently the second time", seed)
		}
	}
}
