package protocol

import (
	"testing"
	"time"

	"github.com/tutti-ci/tutti/agent/wire"
)

const s = time.Second

// what a Hold is told, in one table's line.
type told func(h *Hold) Step

func accept(h *Hold) Step { h.Accepted(); return Nothing }
func start(h *Hold) Step  { return h.Start(0, 600*s, s) }
func soft(h *Hold) Step   { return h.Cancel(Soft) }
func hard(h *Hold) Step   { return h.Cancel(Hard) }
func discard(h *Hold) Step {
	return h.Discard()
}
func end(h *Hold) Step    { return h.Ended() }
func finish(h *Hold) Step { h.Finished(); return Nothing }
func final(h *Hold) Step  { return h.Final() }
func tick(now time.Duration) told {
	return func(h *Hold) Step { return h.Tick(now) }
}
func renew(sent time.Duration) told {
	return func(h *Hold) Step { h.Renew(sent, 600*s); return Nothing }
}

func TestWhatAHoldHasToDo(t *testing.T) {
	for name, c := range map[string]struct {
		told []told
		want []Step
		held wire.Phase // in the end
	}{
		"its whole life":                     {[]told{accept, start, end, finish, final}, []Step{Nothing, Begin, Nothing, Nothing, Forget}, ""},
		"a start without an accept":          {[]told{start}, []Step{Nothing}, ""},
		"a start again":                      {[]told{accept, start, start}, []Step{Nothing, Begin, Nothing}, wire.PhaseRunning},
		"a start after its end":              {[]told{accept, start, end, start}, []Step{Nothing, Begin, Nothing, Nothing}, wire.PhaseRunning},
		"a cancel, again, and harder":        {[]told{accept, start, soft, soft, hard, soft}, []Step{Nothing, Begin, EndSoft, Nothing, EndHard, Nothing}, wire.PhaseRunning},
		"a soft cancel before the start":     {[]told{accept, soft, start}, []Step{Nothing, EndHard, Nothing}, wire.PhaseRunning},
		"a cancel before the accept":         {[]told{soft, accept, start}, []Step{EndHard, Nothing, Nothing}, wire.PhaseRunning},
		"a cancel after the end":             {[]told{accept, start, end, hard}, []Step{Nothing, Begin, Nothing, Nothing}, wire.PhaseRunning},
		"discarded while it runs":            {[]told{accept, start, discard, discard, end}, []Step{Nothing, Begin, Drop, Nothing, Forget}, ""},
		"discarded, and still not gone":      {[]told{accept, start, discard}, []Step{Nothing, Begin, Drop}, wire.PhaseRunning},
		"discarded before the start":         {[]told{accept, discard, start, end}, []Step{Nothing, Drop, Nothing, Forget}, ""},
		"discarded with its result":          {[]told{accept, start, end, finish, discard}, []Step{Nothing, Begin, Nothing, Nothing, Forget}, ""},
		"canceled after it was discarded":    {[]told{accept, start, discard, hard}, []Step{Nothing, Begin, Drop, Nothing}, wire.PhaseRunning},
		"declined":                           {[]told{end}, []Step{Forget}, ""},
		"a final that comes again":           {[]told{accept, start, end, finish, final, final}, []Step{Nothing, Begin, Nothing, Nothing, Forget, Nothing}, ""},
		"a final of what still runs":         {[]told{accept, start, final}, []Step{Nothing, Begin, Nothing}, wire.PhaseRunning},
		"a result":                           {[]told{accept, start, end, finish}, []Step{Nothing, Begin, Nothing, Nothing}, wire.PhaseFinished},
		"silence":                            {[]told{accept, start, tick(569 * s), tick(570 * s), tick(571 * s)}, []Step{Nothing, Begin, Nothing, Fence, Nothing}, wire.PhaseRunning},
		"a word in time":                     {[]told{accept, start, renew(100 * s), tick(600 * s), tick(670 * s)}, []Step{Nothing, Begin, Nothing, Nothing, Fence}, wire.PhaseRunning},
		"an older word later":                {[]told{accept, start, renew(100 * s), renew(50 * s), tick(669 * s)}, []Step{Nothing, Begin, Nothing, Nothing, Nothing}, wire.PhaseRunning},
		"a word that comes after the fence":  {[]told{accept, start, tick(570 * s), renew(569 * s), tick(1200 * s)}, []Step{Nothing, Begin, Fence, Nothing, Nothing}, wire.PhaseRunning},
		"canceled, and then silence":         {[]told{accept, start, soft, tick(570 * s)}, []Step{Nothing, Begin, EndSoft, Fence}, wire.PhaseRunning},
		"silence of what ended":              {[]told{accept, start, end, tick(900 * s)}, []Step{Nothing, Begin, Nothing, Nothing}, wire.PhaseRunning},
		"it was accepted, and nothing since": {[]told{accept, tick(9000 * s)}, []Step{Nothing, Nothing}, wire.PhaseAccepted},
	} {
		t.Run(name, func(t *testing.T) {
			var h Hold
			for i, each := range c.told {
				if got := each(&h); got != c.want[i] {
					t.Fatalf("step %d is %q, want %q", i, got, c.want[i])
				}
			}
			if phase, said := h.Held(); phase != c.held || said != (c.held != "") {
				t.Errorf("Hello says %q (%v), want %q", phase, said, c.held)
			}
		})
	}
}

func TestALateStartBeginsNothing(t *testing.T) {
	var h Hold
	h.Accepted()
	if got := h.Start(0, 600*s, 570*s); got != Fence {
		t.Errorf("a start whose lease is nearly over answers %q", got)
	}
	if h.MayBegin(570 * s) {
		t.Error("a process may begin")
	}
}

func TestWhenAProcessMayBegin(t *testing.T) {
	var h Hold
	may := func(now time.Duration, want bool, when string) {
		t.Helper()
		if h.MayBegin(now) != want {
			t.Errorf("%s: a process may begin: %v", when, !want)
		}
	}
	may(0, false, "offered")
	h.Accepted()
	may(0, false, "accepted")
	h.Start(0, 600*s, 0)
	may(569*s, true, "started")
	may(570*s, false, "near the end of the lease")
	h.Renew(10*s, 600*s)
	may(570*s, true, "renewed")
	h.Cancel(Soft)
	may(0, true, "canceled, with something to clean up")
	h.Cancel(Hard)
	may(0, false, "canceled for good")

	_, h = Resume(Noted{Started: true, Begun: true})
	may(0, false, "adopted, before the server was heard")
	if _, known := h.Lease(); known {
		t.Error("the lease of a job that was adopted is known")
	}
	if h.Tick(1e6*s) != Nothing {
		t.Error("a job whose lease nobody knows is fenced by the agent")
	}
	if !h.Renew(20*s, 600*s) {
		t.Error("the first word of the server renews nothing")
	}
	may(20*s, true, "adopted, with a lease")
}

func TestResume(t *testing.T) {
	for name, c := range map[string]struct {
		noted Noted
		want  Way
		held  wire.Phase
	}{
		"accepted":                        {Noted{}, Wait, wire.PhaseAccepted},
		"accepted, then a reboot":         {Noted{Rebooted: true}, Wait, wire.PhaseAccepted},
		"started":                         {Noted{Started: true}, Anew, wire.PhaseRunning},
		"started, then a reboot":          {Noted{Started: true, Rebooted: true}, Rebooted, wire.PhaseRunning},
		"begun":                           {Noted{Started: true, Begun: true}, Adopt, wire.PhaseRunning},
		"begun, then a reboot":            {Noted{Started: true, Begun: true, Rebooted: true}, Rebooted, wire.PhaseRunning},
		"with a result":                   {Noted{Started: true, Begun: true, Result: true}, Conclude, wire.PhaseRunning},
		"with a result, then a reboot":    {Noted{Started: true, Begun: true, Result: true, Rebooted: true}, Conclude, wire.PhaseRunning},
		"a result without a start at all": {Noted{Result: true}, Conclude, wire.PhaseRunning},
	} {
		way, h := Resume(c.noted)
		phase, _ := h.Held()
		if way != c.want || phase != c.held {
			t.Errorf("%s: %s, and Hello says %q; want %s and %q", name, way, phase, c.want, c.held)
		}
	}
}
