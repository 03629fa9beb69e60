package agent

import (
	"testing"
	"time"

	"github.com/tutti-ci/tutti/agent/wire"
)

// TestPace sends over links of several speeds, each a queue through which bytes pass in their order, and looks at how many are
// under way in the end.
func TestPace(t *testing.T) {
	for name, c := range map[string]struct {
		rate    int64 // bytes a second
		latency time.Duration
		least   int64 // of the pace in the end
		most    int64
		most1st time.Duration // that the first piece takes
	}{
		"Loopback": {1 << 30, 2 * time.Millisecond, maxPace, maxPace, 10 * time.Millisecond},
		"Far":      {100 << 20, 200 * time.Millisecond, 8 << 20, maxPace, 300 * time.Millisecond},
		"Modem":    {5 << 10, 300 * time.Millisecond, minPace, 16 << 10, 4 * time.Second},
		"Crawl":    {1 << 10, 500 * time.Millisecond, minPace, minPace, 17 * time.Second},
	} {
		p, now := newPace(), time.Now()
		free := now // when the link has taken all that was sent
		type flight struct {
			end  int64
			size int64
			at   time.Time
		}
		var flights []flight
		var sent, underWay int64
		for range 400 {
			for underWay < p.limit {
				n := min(p.frame(), p.limit-underWay)
				sent, underWay = sent+n, underWay+n
				if free.Before(now) {
					free = now
				}
				free = free.Add(time.Duration(n) * time.Second / time.Duration(c.rate))
				flights = append(flights, flight{sent, n, free.Add(c.latency)})
				p.sending(1, sent, underWay, now)
			}
			first := flights[0]
			if sent <= firstPace && first.at.Sub(now) > c.most1st {
				t.Errorf("%s: the first piece takes %s", name, first.at.Sub(now))
			}
			flights, now = flights[1:], first.at
			underWay -= first.size
			p.acked(1, first.end, now)
		}
		if p.limit < c.least || p.limit > c.most {
			t.Errorf("%s: the pace is %d in the end, want %d to %d", name, p.limit, c.least, c.most)
		}
	}
}

// TestPaceOfAnotherStream has an acknowledgement, and a new beginning, that say nothing of the piece that is measured.
func TestPaceOfAnotherStream(t *testing.T) {
	p, now := newPace(), time.Now()
	p.sending(1, 100, firstPace, now)
	p.acked(2, 1000, now.Add(time.Hour))
	p.acked(1, 99, now.Add(time.Hour))
	p.forget(1)
	p.acked(1, 100, now.Add(time.Hour))
	if p.limit != firstPace {
		t.Errorf("the pace is %d", p.limit)
	}
	if p.measured(wire.AgentWindow, time.Hour); p.limit < minPace || p.limit >= firstPace {
		t.Errorf("after a bad time the pace is %d", p.limit)
	}
}
