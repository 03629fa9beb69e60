package agent

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/tutti-ci/tutti/agent/wire"
)

// spooled makes a stream of a log whose marks end at ends.
func spooled(t *testing.T, text []byte, ends []int64) *stream {
	t.Helper()
	s, err := openSpool(t.TempDir())
	must(t, err)
	log, marks, err := s.create(claim(1), "unit")
	must(t, err)
	_, err = log.Write(text)
	must(t, err)
	_, err = marks.Write(markBytes(ends))
	must(t, err)
	must(t, log.Close())
	must(t, marks.Close())
	st := &stream{claim: claim(1), activity: "unit", logPath: s.logPath(claim(1), "unit"), marksPath: s.marksPath(claim(1), "unit")}
	st.marksEnd.Store(int64(len(ends)) * wire.MarkSize)
	st.logEnd.Store(int64(len(text)))
	t.Cleanup(st.rest)
	return st
}

func markBytes(ends []int64) []byte {
	var out []byte
	for i, end := range ends {
		out = binary.LittleEndian.AppendUint64(out, uint64(end))
		out = binary.LittleEndian.AppendUint64(out, uint64(i))
	}
	return out
}

// TestMarksTravelWithTheirBytes reads a log in pieces from somewhere on, and wants each mark behind that place once, with the
// piece that holds its end.
func TestMarksTravelWithTheirBytes(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	text := make([]byte, 100_000)
	var ends []int64
	for end := int64(0); end < int64(len(text)); {
		end = min(end+1+rng.Int64N(40), int64(len(text)))
		ends = append(ends, end)
	}
	st := spooled(t, text, ends)
	for _, from := range []int64{0, 1, 777, 50_000, int64(len(text)) - 1} {
		st.rewind(from)
		var got []byte
		buf := newPiece()
		buf.marks = buf.marks[:50*wire.MarkSize] // so few that pieces have to be cut
		for off := from; off < int64(len(text)); {
			data, err := st.read(buf, off, int(min(1+rng.Int64N(3000), int64(len(text))-off)))
			must(t, err)
			end := off + int64(len(data.Payload))
			for rest := data.Marks; len(rest) > 0; rest = rest[wire.MarkSize:] {
				if e := markEnd(rest); e <= off || e > end {
					t.Fatalf("a mark that ends at %d travels with bytes %d to %d", e, off, end)
				}
			}
			got = append(got, data.Marks...)
			off = end
		}
		var want []int64
		for _, end := range ends {
			if end > from {
				want = append(want, end)
			}
		}
		all := markBytes(ends)
		if !bytes.Equal(got, all[len(all)-len(want)*wire.MarkSize:]) {
			t.Errorf("from %d: %d marks arrive, want %d", from, len(got)/wire.MarkSize, len(want))
		}
	}
}

func TestShortSpool(t *testing.T) {
	st := spooled(t, []byte("hello"), nil)
	must(t, os.Truncate(st.logPath, 3))
	if _, err := st.read(newPiece(), 0, 5); err == nil {
		t.Error("bytes that are not there were read")
	}
}

// TestFairness has two logs share one connection.
func TestFairness(t *testing.T) {
	s := newShipper()
	text := make([]byte, 2*wire.MaxPayload)
	for range 2 {
		st := spooled(t, text, nil)
		s.add(st)
		st.announced, st.opened = true, true
	}
	var order []uint32
	for buf := newPiece(); ; {
		frame, ok := s.next(buf).(wire.LogData)
		if !ok {
			break
		}
		order = append(order, frame.Stream)
	}
	if len(order) != 4 || order[0] == order[1] || order[1] == order[2] {
		t.Errorf("the streams come in the order %v", order)
	}
}

// TestWindow counts what is sent without an acknowledgement.
func TestWindow(t *testing.T) {
	s := newShipper()
	st := spooled(t, make([]byte, wire.Window+wire.MaxPayload), nil)
	s.add(st)
	st.announced, st.opened = true, true
	buf, sent := newPiece(), 0
	count := func() {
		for {
			frame, ok := s.next(buf).(wire.LogData)
			if !ok {
				return
			}
			sent += len(frame.Payload)
		}
	}
	if count(); sent != wire.Window {
		t.Errorf("%d bytes are under way, want %d", sent, wire.Window)
	}
	must(t, s.hear(wire.LogAck{Stream: st.number, Length: 1000}))
	if count(); sent != wire.Window+1000 {
		t.Errorf("after 1000 bytes were acknowledged %d were sent", sent)
	}
	must(t, s.hear(wire.LogRewind{Stream: st.number, Length: 10}))
	sent = 0
	if count(); sent != wire.Window {
		t.Errorf("after a rewind %d bytes are under way", sent)
	}
}
