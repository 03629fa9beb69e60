package agent

import (
	"testing"
	"time"

	"github.com/tutti-ci/tutti/agent/wire"
)

// TestNewLinkIsNotFlooded looks at what is sent before anything is known of the link.
func TestNewLinkIsNotFlooded(t *testing.T) {
	s, _ := opened(t, 1<<20, 1<<20)
	s.pace = newPace()
	frames := sendAll(s, time.Now())
	if size(frames) != firstPace {
		t.Errorf("%d bytes are under way, want %d", size(frames), firstPace)
	}
	for i, f := range frames {
		if len(f.Payload) > firstPace/framesOfIt || i > 0 && f.Stream == frames[i-1].Stream {
			t.Errorf("frame %d has %d bytes of stream %d", i, len(f.Payload), f.Stream)
		}
	}
}

// TestHold has the server ask for a pause: the log is announced again after it, and not before.
func TestHold(t *testing.T) {
	s, all := opened(t, 1000)
	now, st, buf := time.Now(), all[0], newPiece()
	if len(sendAll(s, now)) != 1 {
		t.Fatal("nothing is sent")
	}
	must(t, s.hear(wire.LogHold{Stream: st.number, Pause: 3 * time.Second}, now))
	if frame, pause := s.next(buf, now.Add(time.Second)); frame != nil || pause != 2*time.Second {
		t.Errorf("in the pause it sends %+v and looks again in %s", frame, pause)
	}
	// What the server said before comes late, and opens nothing.
	must(t, s.hear(wire.LogAck{Stream: st.number, Length: 10}, now.Add(time.Second)))
	must(t, s.hear(wire.LogRewind{Stream: st.number, Length: 0}, now.Add(time.Second)))
	if frame, _ := s.next(buf, now.Add(time.Second)); frame != nil {
		t.Errorf("a late word ends the pause: %+v", frame)
	}
	now = now.Add(3 * time.Second)
	if frame, _ := s.next(buf, now); frame != (wire.LogOpen{Stream: st.number, Claim: st.claim, Activity: st.activity}) {
		t.Errorf("after the pause it sends %+v", frame)
	}
	must(t, s.hear(wire.LogAck{Stream: st.number, Length: 400}, now))
	if frames := sendAll(s, now); size(frames) != 600 || frames[0].Offset != 400 {
		t.Errorf("after the pause %d bytes are sent", size(frames))
	}
}

// TestLostWords has every single word of a conversation about a log be lost in turn: a minute later it goes on.
func TestLostWords(t *testing.T) {
	s, all := opened(t, 1000)
	st, buf, now := all[0], newPiece(), time.Now()
	st.announced, st.opened = false, false
	for lost := range 4 {
		if frame, _ := s.next(buf, now); frame == nil {
			t.Fatal("it is not announced")
		}
		// 0: the announcement, or its answer, is lost.
		if lost > 0 {
			must(t, s.hear(wire.LogAck{Stream: st.number, Length: 0}, now))
			if len(sendAll(s, now)) != 1 { // 1: and the bytes, or their acknowledgement
				t.Fatal("the bytes are not sent")
			}
		}
		if lost > 1 { // 2: and the acknowledgement of the rest
			must(t, s.hear(wire.LogAck{Stream: st.number, Length: 500}, now))
		}
		if frame, _ := s.next(buf, now.Add(s.silence-1)); frame != nil {
			t.Errorf("%d: it does not wait: %+v", lost, frame)
		}
		now = now.Add(s.silence)
		s.pace.limit = maxPace
	}
	if frame, _ := s.next(buf, now); frame == nil {
		t.Fatal("it is not announced again")
	}
	must(t, s.hear(wire.LogAck{Stream: st.number, Length: 1000}, now))
	st.complete = true
	if frame, _ := s.next(buf, now.Add(s.silence)); frame != nil || !st.settled() {
		t.Errorf("when all is there it sends %+v", frame)
	}
}

// TestOldWords has what the server said come twice, late, and in another order.
func TestOldWords(t *testing.T) {
	s, all := opened(t, 1000)
	st, now := all[0], time.Now()
	sendAll(s, now)
	for _, length := range []int64{600, 300, 600, 0} {
		must(t, s.hear(wire.LogAck{Stream: st.number, Length: length}, now))
		if st.acked != 600 {
			t.Errorf("after an acknowledgement of %d it counts %d", length, st.acked)
		}
	}
	must(t, s.hear(wire.LogAck{Stream: st.number, Length: 5000}, now))
	if st.acked != 1000 {
		t.Errorf("an acknowledgement of what was never sent counts %d", st.acked)
	}
	must(t, s.hear(wire.LogAck{Stream: st.number + 1, Length: 7}, now))
	if err := s.hear(wire.LogOpen{Stream: st.number}, now); err == nil {
		t.Error("the server may announce logs")
	}
}
