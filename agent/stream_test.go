package agent

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"testing"
	"time"

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

// opened makes a shipper of logs that the server knows, over a link that is known to be fast.
func opened(t *testing.T, sizes ...int) (*shipper, []*stream) {
	s := newShipper()
	s.pace.limit = maxPace
	var all []*stream
	for _, size := range sizes {
		st := spooled(t, make([]byte, size), nil)
		s.add(st)
		st.announced, st.opened = true, true
		all = append(all, st)
	}
	return s, all
}

// sendAll takes all frames with bytes that may be sent now.
func sendAll(s *shipper, now time.Time) (frames []wire.LogData) {
	for buf := newPiece(); ; {
		frame, _ := s.next(buf, now)
		data, ok := frame.(wire.LogData)
		if !ok {
			return frames
		}
		frames = append(frames, data)
	}
}

func size(frames []wire.LogData) (n int) {
	for _, f := range frames {
		n += len(f.Payload)
	}
	return n
}

// TestFairness has two logs share one connection.
func TestFairness(t *testing.T) {
	s, _ := opened(t, 2*wire.MaxPayload, 2*wire.MaxPayload)
	var order []uint32
	for _, f := range sendAll(s, time.Now()) {
		order = append(order, f.Stream)
	}
	if len(order) != 4 || order[0] == order[1] || order[1] == order[2] {
		t.Errorf("the streams come in the order %v", order)
	}
}

// TestWindow counts what is sent without an acknowledgement.
func TestWindow(t *testing.T) {
	s, all := opened(t, wire.Window+wire.MaxPayload)
	now, st := time.Now(), all[0]
	if sent := size(sendAll(s, now)); sent != wire.Window {
		t.Errorf("%d bytes are under way, want %d", sent, wire.Window)
	}
	must(t, s.hear(wire.LogAck{Stream: st.number, Length: 1000}, now))
	if sent := size(sendAll(s, now)); sent != 1000 {
		t.Errorf("after 1000 bytes were acknowledged %d were sent", sent)
	}
	must(t, s.hear(wire.LogRewind{Stream: st.number, Length: 10}, now))
	if sent := size(sendAll(s, now)); sent != wire.Window {
		t.Errorf("after a rewind %d bytes are under way", sent)
	}
}
