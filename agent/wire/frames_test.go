package wire_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tutti-ci/tutti/agent/wire"
)

func everyFrame() []wire.LogFrame {
	return []wire.LogFrame{
		wire.LogOpen{Stream: 1, Claim: wire.Claim{Run: 1, Job: "j", Epoch: 1 << 40}, Activity: "a"},
		wire.LogAck{Stream: math.MaxUint32, Length: math.MaxInt64},
		wire.LogAck{},
		wire.LogData{Stream: 7, Offset: 1 << 40, Marks: bytes.Repeat([]byte{3}, 32), Payload: []byte("hello")},
		wire.LogData{Stream: 7, Marks: []byte{}, Payload: []byte{0}},
		wire.LogRewind{Stream: 3, Length: 4},
		wire.LogDiverged{Stream: 3, At: 4},
		wire.LogHold{Stream: 3, Pause: 2500 * time.Millisecond},
		wire.LogHold{},
	}
}

func TestFrames(t *testing.T) {
	for _, f := range everyFrame() {
		data, err := wire.AppendFrame([]byte("x"), f)
		if err != nil {
			t.Fatalf("%+v: %v", f, err)
		}
		got, err := wire.DecodeFrame(data[1:])
		if err != nil {
			t.Fatalf("%+v: %v", f, err)
		}
		if diff := cmp.Diff(f, got); diff != "" {
			t.Error(diff)
		}
	}
}

// TestDamagedFrames has each bit of each frame changed, and each end cut off, in turn.
func TestDamagedFrames(t *testing.T) {
	for _, f := range everyFrame() {
		data, err := wire.AppendFrame(nil, f)
		if err != nil {
			t.Fatal(err)
		}
		for i := range data {
			if _, err := wire.DecodeFrame(data[:i]); !errors.Is(err, wire.ErrFrame) {
				t.Errorf("%T cut at %d: %v", f, i, err)
			}
			for bit := range 8 {
				bad := bytes.Clone(data)
				bad[i] ^= 1 << bit
				if got, err := wire.DecodeFrame(bad); !errors.Is(err, wire.ErrFrame) {
					t.Errorf("%T with bit %d of byte %d changed is taken for %+v", f, bit, i, got)
				}
			}
		}
	}
}

func TestImpossibleFrames(t *testing.T) {
	claim := wire.Claim{Run: 1, Job: "j", Epoch: 1}
	for name, f := range map[string]wire.LogFrame{
		"NoBytes":      wire.LogData{},
		"TooManyBytes": wire.LogData{Payload: make([]byte, wire.MaxPayload+1)},
		"HalfAMark":    wire.LogData{Payload: []byte("x"), Marks: make([]byte, 15)},
		"TooManyMarks": wire.LogData{Payload: []byte("x"), Marks: make([]byte, wire.MaxPayload+wire.MarkSize)},
		"Negative":     wire.LogAck{Length: -1},
		"HeldBefore":   wire.LogHold{Pause: -time.Second},
		"NoJob":        wire.LogOpen{Claim: wire.Claim{Run: 1, Epoch: 1}, Activity: "a"},
		"NoActivity":   wire.LogOpen{Claim: claim},
		"LongActivity": wire.LogOpen{Claim: claim, Activity: string(make([]byte, 256))},
	} {
		if _, err := wire.AppendFrame(nil, f); !errors.Is(err, wire.ErrFrame) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLargestFrameFits(t *testing.T) {
	marks := wire.MaxMarks - wire.MaxMarks%wire.MarkSize
	data, err := wire.AppendFrame(nil, wire.LogData{Payload: make([]byte, wire.MaxPayload), Marks: make([]byte, marks)})
	if err != nil || len(data) > wire.MaxMessage {
		t.Errorf("the largest LogData has %d bytes (%v), more than MaxMessage", len(data), err)
	}
}

func FuzzDecodeFrame(f *testing.F) {
	for _, frame := range everyFrame() {
		data, err := wire.AppendFrame(nil, frame)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
		f.Add(data[:len(data)-4])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		// A CRC that fits lets the bytes come further; without it nearly all would end there.
		if _, err := wire.DecodeFrame(data); err != nil && !errors.Is(err, wire.ErrFrame) {
			t.Errorf("an error of another kind: %v", err)
		}
		data = binary.LittleEndian.AppendUint32(data, crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli)))
		frame, err := wire.DecodeFrame(data)
		if err != nil {
			if !errors.Is(err, wire.ErrFrame) {
				t.Errorf("an error of another kind: %v", err)
			}
			return
		}
		again, err := wire.AppendFrame(nil, frame)
		if err != nil || !bytes.Equal(again, data) {
			t.Errorf("%x comes back as %x (%v)", data, again, err)
		}
	})
}
