package simulator

import (
	"fmt"
	"strings"
	"testing"
)

// Parties that do something wrong on purpose: each must be found out by the same seeds, and by the invariant that says what is
// wrong. If one is not, the simulator has gone blind.
var brokenParties = []struct {
	broken
	invariant string // of those that it may violate, one that must be among the first found
}{
	{broken{name: "the store takes what any epoch says", ignoreEpoch: true}, "stale is stale"},
	{broken{name: "the agent starts before its journal is synced", startUnsynced: true}, "no early start"},
	{broken{name: "the server gives up exactly at the fence", noSlack: true}, "one epoch"},
	{broken{name: "the shim has no dead-man", noDeadMan: true}, "one epoch"},
	{broken{name: "the dead-man looks at the wall clock", wallLease: true}, "one epoch"},
	{broken{name: "log bytes are acknowledged before they are durable", ackEarly: true}, "logs"},
	{broken{name: "log bytes that come again are appended again", appendAnyway: true}, "logs"},
	{broken{name: "a result replaces an earlier one", overwriteEnd: true}, "one end"},
	{broken{name: "a result is final before its logs are there", resultBeforeLogs: true}, "logs"},
	{broken{name: "what a room ran last is adopted without its ticket", anyTicket: true}, "true end"},
	{broken{name: "a started job runs anew after a reboot", rerunAfterReboot: true}, "no silent rerun"},
	{broken{name: "a cancel is sent, and not stored", forgetfulCancel: true}, "cancel"},
	{broken{name: "a restored server gives out at once what may still run", grantsAfterRestore: true}, "one epoch"},
	{broken{name: "the agent forgets a job while it runs", forgetsBeforeItEnds: true}, "an end to all"},
}

func TestBrokenPartiesAreFoundOut(t *testing.T) {
	if slow {
		t.Skip("the race detector finds nothing here")
	}
	for _, b := range brokenParties {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			var others []string
			for seed := uint64(1); seed <= 200; seed++ {
				failure := newWorld(seed, b.broken).play()
				switch {
				case strings.HasPrefix(failure, b.invariant+":"):
					t.Logf("seed %d: %s", seed, failure)
					return
				case failure != "":
					others = append(others, fmt.Sprintf("seed %d: %s", seed, failure))
				}
			}
			t.Errorf("200 seeds found nothing that says %q; they found: %s", b.invariant, strings.Join(others, "\n"))
		})
	}
}
