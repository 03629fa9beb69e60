package protocol

import (
	"testing"
	"time"

	"github.com/tutti-ci/tutti/agent/wire"
)

func TestJudge(t *testing.T) {
	on := func(p Place, epoch int64) Standing { return Standing{Place: p, Agent: "a", Epoch: epoch} }
	restored := func(p Place, epoch int64) Standing {
		return Standing{Place: p, Agent: "b", Epoch: epoch, Floor: 1 << 20}
	}
	canceled := Standing{Place: Running, Agent: "a", Epoch: 3, Cancel: Soft, Reason: "canceled by dana"}
	for name, c := range map[string]struct {
		known Standing
		epoch int64
		do    wire.Do
		move  Move
		kept  bool // it would be recalled
	}{
		"it runs here":                              {on(Running, 3), 3, wire.DoContinue, Stay, true},
		"its accept was lost":                       {on(Offered, 3), 3, wire.DoContinue, Accept, true},
		"it is canceled":                            {canceled, 3, wire.DoStop, Stay, true},
		"it is done":                                {on(Done, 3), 3, wire.DoDiscard, Stay, false},
		"nobody knows it":                           {Standing{}, 3, wire.DoDiscard, Stay, false},
		"the offer went back":                       {Standing{Place: Free, Epoch: 3}, 3, wire.DoDiscard, Stay, false},
		"it runs here as a later try":               {on(Running, 4), 3, wire.DoDiscard, Stay, false},
		"the same try is another agent's":           {Standing{Place: Running, Agent: "b", Epoch: 3}, 3, wire.DoDiscard, Stay, false},
		"a try that was never made":                 {on(Running, 2), 3, wire.DoDiscard, Stay, false},
		"restored: queued":                          {restored(Free, 2), 3, wire.DoContinue, Take, true},
		"restored: runs elsewhere as an older try":  {restored(Running, 2), 3, wire.DoContinue, Take, true},
		"restored: offered elsewhere, an older try": {restored(Offered, 2), 3, wire.DoContinue, Take, true},
		"restored: done":                            {restored(Done, 2), 3, wire.DoDiscard, Stay, false},
		"restored, and given out again since":       {restored(Running, 1<<20+1), 3, wire.DoDiscard, Stay, false},
		"restored, and above all that can be":       {restored(Free, 2), 1<<20 + 1, wire.DoDiscard, Stay, false},
	} {
		claim := wire.Claim{Run: 1, Job: "test", Epoch: c.epoch}
		v, move := Judge("a", wire.Held{Claim: claim, Phase: wire.PhaseRunning}, c.known)
		if v.Do != c.do || move != c.move || v.Claim != claim {
			t.Errorf("%s: %s and %s, want %s and %s", name, v.Do, move, c.do, c.move)
		}
		if v.Do == wire.DoStop && (v.Reason != c.known.Reason || v.Hard) {
			t.Errorf("%s: the order is %+v", name, v)
		}
		v, move, wanted := JudgeKept("a", claim, c.known)
		if wanted != c.kept || wanted && (v.Do != wire.DoRecall || move != c.move) {
			t.Errorf("%s: of what was kept: %v, %s and %s", name, wanted, v.Do, move)
		}
	}
}

func TestWhatWasOnlyAcceptedBeforeARestoreDoesNotStart(t *testing.T) {
	for place, want := range map[Place]Move{Running: Lose, Offered: Return} {
		held := wire.Held{Claim: wire.Claim{Run: 1, Job: "test", Epoch: 3}, Phase: wire.PhaseAccepted}
		known := Standing{Place: place, Agent: "a", Epoch: 3, Floor: 1 << 20}
		if v, move := Judge("a", held, known); v.Do != wire.DoDiscard || move != want {
			t.Errorf("at place %d: %s and %s", place, v.Do, move)
		}
		known.Epoch = 2
		if v, move := Judge("a", held, known); v.Do != wire.DoDiscard || move != Stay {
			t.Errorf("at place %d, unknown to the backup: %s and %s", place, v.Do, move)
		}
		known.Floor, known.Epoch = 0, 3
		if v, _ := Judge("a", held, known); v.Do != wire.DoContinue {
			t.Errorf("at place %d, without a restore: %s", place, v.Do)
		}
	}
}

func TestAbsent(t *testing.T) {
	for _, c := range []struct {
		place Place
		sure  bool
		want  Move
	}{{Offered, true, Return}, {Offered, false, Return}, {Running, true, Lose}, {Running, false, Stay}, {Done, true, Stay}, {Free, true, Stay}} {
		if got := Absent(Standing{Place: c.place}, c.sure); got != c.want {
			t.Errorf("a job at place %d, sure %v: %s, want %s", c.place, c.sure, got, c.want)
		}
	}
}

func TestLook(t *testing.T) {
	const m = time.Minute
	for name, c := range map[string]struct {
		known        Standing
		heard        time.Duration
		offered, now time.Duration
		want         Outlook
	}{
		"just heard":            {Standing{Place: Running}, 100 * s, 0, 110 * s, Outlook{Silent: 10 * s, Left: 11*m + 2*s}},
		"suspect":               {Standing{Place: Running}, 100 * s, 0, 145 * s, Outlook{Silent: 45 * s, Suspect: true, Left: 10*m + 27*s}},
		"just not lost":         {Standing{Place: Running}, 0, 0, 11*m + 11*s, Outlook{Silent: 11*m + 11*s, Suspect: true, Left: s}},
		"lost":                  {Standing{Place: Running}, 0, 0, 11*m + 12*s, Outlook{Silent: 11*m + 12*s, Suspect: true, Move: Lose}},
		"with a longer fence":   {Standing{Place: Running, Fence: 30 * m}, 0, 0, 12 * m, Outlook{Silent: 12 * m, Suspect: true, Left: 19*m + 36*s}},
		"an offer":              {Standing{Place: Offered}, 0, 5 * s, 10 * s, Outlook{Silent: 10 * s, Left: 15 * s}},
		"an offer for too long": {Standing{Place: Offered}, 20 * s, 5 * s, 25 * s, Outlook{Silent: 5 * s, Move: Return}},
		"done":                  {Standing{Place: Done}, 0, 0, 1000 * m, Outlook{Silent: 1000 * m}},
	} {
		if got := (Terms{}).Look(c.known, c.now, c.heard, c.offered); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

// A job counts as lost only when its lease is over wherever it may run: whatever fence is set, and if both clocks are wrong by 1 %.
func TestNobodyGivesUpWhatMayStillRun(t *testing.T) {
	for _, fence := range []time.Duration{s, 10 * s, time.Minute, DefaultFence, time.Hour, 24 * time.Hour} {
		terms := Terms{Fence: fence}
		latest := float64(fence) / 0.99            // of the process, by a true clock, if its host's is slow
		earliest := float64(terms.GiveUp()) / 1.01 // of the server's word, if its clock is fast
		if earliest <= latest {
			t.Errorf("with a fence of %s the server gives up after %.1f s, and the process may live for %.1f s", fence, earliest/1e9, latest/1e9)
		}
		if terms.Ping() > fence/4 {
			t.Errorf("with a fence of %s the agent pings every %s", fence, terms.Ping())
		}
	}
	if got := (Terms{}).Ping(); got != wire.PingInterval {
		t.Errorf("by default the agent pings every %s", got)
	}
	if got := (Terms{Suspect: 9 * s}).Ping(); got != 3*s {
		t.Errorf("with a suspicion after 9 s the agent pings every %s", got)
	}
}

func TestDesire(t *testing.T) {
	c := wire.Claim{Run: 1, Job: "test", Epoch: 3}
	for name, x := range map[string]struct {
		known      Standing
		concluding bool
		want       wire.Desired
	}{
		"it runs":             {Standing{Place: Running, Agent: "a", Epoch: 3}, false, wire.Desired{Claim: c, Valid: 600e9}},
		"with its own fence":  {Standing{Place: Running, Agent: "a", Epoch: 3, Fence: time.Hour}, false, wire.Desired{Claim: c, Valid: 3600e9}},
		"canceled":            {Standing{Place: Running, Agent: "a", Epoch: 3, Cancel: Hard, Reason: "x"}, false, wire.Desired{Claim: c, Cancel: true, Hard: true, Reason: "x", Valid: 600e9}},
		"not started":         {Standing{Place: Offered, Agent: "a", Epoch: 3}, false, wire.Desired{Claim: c}},
		"over":                {Standing{Place: Done, Agent: "a", Epoch: 3}, false, wire.Desired{Claim: c, Stale: true}},
		"its end is stored":   {Standing{Place: Done, Agent: "a", Epoch: 3}, true, wire.Desired{Claim: c}},
		"another try":         {Standing{Place: Running, Agent: "a", Epoch: 4}, false, wire.Desired{Claim: c, Stale: true}},
		"on another agent":    {Standing{Place: Running, Agent: "b", Epoch: 3}, false, wire.Desired{Claim: c, Stale: true}},
		"nobody knows of it":  {Standing{}, false, wire.Desired{Claim: c, Stale: true}},
		"back in the queue":   {Standing{Place: Free, Epoch: 3}, false, wire.Desired{Claim: c, Stale: true}},
		"softly asked to end": {Standing{Place: Running, Agent: "a", Epoch: 3, Cancel: Soft}, false, wire.Desired{Claim: c, Cancel: true, Valid: 600e9}},
	} {
		if got := (Terms{}).Desire("a", c, x.known, x.concluding); got != x.want {
			t.Errorf("%s: %+v, want %+v", name, got, x.want)
		}
	}
}

func TestGrant(t *testing.T) {
	var g Grant
	for i, c := range []struct {
		level Level
		want  bool
	}{{None, false}, {Soft, true}, {Soft, false}, {Hard, true}, {Soft, false}, {Hard, false}} {
		if g.Tell(c.level) != c.want {
			t.Errorf("word %d is told: %v", i, !c.want)
		}
	}
	if (&Grant{Concluding: true}).Tell(Hard) {
		t.Error("a job whose end is being stored is told to end")
	}
	for i, c := range []struct {
		ping  int64
		named bool
		want  bool
	}{{1, false, false}, {3, true, false}, {2, false, false}, {2, true, false}, {3, false, false}, {4, false, true}} {
		if g.Listed(c.ping, c.named) != c.want {
			t.Errorf("ping %d of %d: dropped is %v", i, c.ping, !c.want)
		}
	}
}
