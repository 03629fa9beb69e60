package protocol

import (
	"strings"
	"testing"
	"time"
)

func TestRoster(t *testing.T) {
	type call struct {
		at    time.Duration
		by    string // instance/boot; "heard i", "left i"
		serve string // "served", "refused", "quarantined"
	}
	for name, calls := range map[string][]call{
		"it comes, and comes again":               {{0, "1/x", "served"}, {s, "1/x", "served"}, {2 * s, "1/x", "served"}, {3 * s, "1/x", "served"}},
		"it is started again and again":           {{0, "1/x", "served"}, {s, "2/x", "served"}, {2 * s, "3/x", "served"}, {3 * s, "4/x", "served"}, {4 * s, "5/x", "served"}},
		"a copy on another host":                  {{0, "1/x", "served"}, {5 * s, "2/y", "refused"}, {20 * s, "heard 1", ""}, {40 * s, "2/y", "refused"}, {50 * s, "2/y", "served"}},
		"the first host comes back to the second": {{0, "1/x", "served"}, {40 * s, "2/y", "served"}, {41 * s, "1/x", "refused"}},
		"its host is booted again":                {{0, "1/x", "served"}, {31 * s, "2/y", "served"}},
		"it said that it ends":                    {{0, "1/x", "served"}, {s, "left 1", ""}, {2 * s, "2/y", "served"}},
		"an older one says that it ends":          {{0, "1/x", "served"}, {s, "2/x", "served"}, {s, "left 1", ""}, {2 * s, "3/y", "refused"}},
		"two on one host, in turns":               {{0, "1/x", "served"}, {s, "2/x", "served"}, {2 * s, "1/x", "served"}, {3 * s, "2/x", "quarantined"}, {4 * s, "1/x", "quarantined"}, {302 * s, "2/x", "quarantined"}, {303 * s, "2/x", "served"}},
		"two on one host, slowly":                 {{0, "1/x", "served"}, {40 * s, "2/x", "served"}, {80 * s, "1/x", "served"}, {120 * s, "2/x", "served"}, {160 * s, "1/x", "served"}},
		"hosts that have no number":               {{0, "1/", "served"}, {s, "2/y", "served"}, {2 * s, "3/", "served"}},
	} {
		t.Run(name, func(t *testing.T) {
			var r Roster
			for i, c := range calls {
				if who, ok := strings.CutPrefix(c.by, "heard "); ok {
					r.Heard("a", who, c.at)
					continue
				}
				if who, ok := strings.CutPrefix(c.by, "left "); ok {
					r.Left("a", who)
					continue
				}
				instance, boot, _ := strings.Cut(c.by, "/")
				ruling := r.Call(Caller{Agent: "a", Instance: instance, Boot: boot, Host: "host-" + boot}, c.at)
				got := "served"
				switch {
				case ruling.Quarantined:
					got = "quarantined"
				case ruling.Refused != "":
					got = "refused"
				}
				if got != c.serve {
					t.Fatalf("call %d of %s at %s is %s, want %s: %s", i, c.by, c.at, got, c.serve, ruling.Refused)
				}
				if got != "served" && ruling.RetryAfter <= 0 {
					t.Errorf("call %d is refused, and not told when to come again", i)
				}
				if got == "refused" && (!strings.Contains(ruling.Refused, "host-x") || !strings.Contains(ruling.Refused, "host-y") || ruling.Conflict == "") {
					t.Errorf("the sentence does not name both hosts: %s", ruling.Refused)
				}
			}
		})
	}
}

func TestTheRosterIsBounded(t *testing.T) {
	var r Roster
	for i := range 3 * rosterLimit {
		r.Call(Caller{Agent: time.Duration(i).String(), Instance: "1"}, time.Duration(i)*time.Second)
	}
	if len(r.entries) > rosterLimit {
		t.Errorf("the roster remembers %d identities", len(r.entries))
	}
}
