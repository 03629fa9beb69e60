package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"time"
)

// A LogFrame is a message of the second connection: a LogOpen, LogAck, LogData, LogRewind, LogDiverged or LogHold.
type LogFrame interface {
	// appendTo writes the frame without its CRC behind b.
	appendTo(b []byte) ([]byte, error)
}

// LogOpen announces the log of an activity. The agent picks the number of the stream, which is good for this connection.
type LogOpen struct {
	Stream uint32
	Claim
	Activity string
}

// LogAck says that the server has a log on disk up to Length.
type LogAck struct {
	Stream uint32
	Length int64
}

// LogData is a piece of a log.
type LogData struct {
	Stream  uint32
	Offset  int64
	Marks   []byte // whole records of MarkSize
	Payload []byte
}

// LogRewind asks for a log from Length on.
type LogRewind struct {
	Stream uint32
	Length int64
}

// LogDiverged says that a LogData at offset At does not hold what the server has there. The agent sends no more of the log.
type LogDiverged struct {
	Stream uint32
	At     int64
}

// LogHold says that the server cannot store the log now (its disk is full, say). The agent announces it again after Pause.
type LogHold struct {
	Stream uint32
	Pause  time.Duration // whole milliseconds
}

// MarkSize is the size of a mark.
const MarkSize = 16

// MaxMarks is how many bytes of marks one LogData may carry.
const MaxMarks = MaxMessage - MaxPayload - dataHeader - sumLength

// The first byte of each frame.
const (
	frameOpen = iota + 1
	frameAck
	frameData
	frameRewind
	frameDiverged
	frameHold
)

const (
	frameHeader = 1 + 4
	openHeader  = frameHeader + 8 + 8 + 1
	dataHeader  = frameHeader + 8 + 4
	sumLength   = 4 // of the CRC at the end of a frame, which covers all before it
)

// ErrFrame is what every error of DecodeFrame is.
var ErrFrame = errors.New("bad log frame")

// castagnoli is the table that the hardware computes with.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// AppendFrame writes a frame behind b.
func AppendFrame(b []byte, f LogFrame) ([]byte, error) {
	at := len(b)
	b, err := f.appendTo(b)
	if err != nil {
		return b, err
	}
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b[at:], castagnoli())), nil
}

func header(b []byte, kind byte, stream uint32) []byte {
	return binary.LittleEndian.AppendUint32(append(b, kind), stream)
}

func (f LogOpen) appendTo(b []byte) ([]byte, error) {
	if f.Job == "" || len(f.Job) > math.MaxUint8 || f.Activity == "" || len(f.Activity) > math.MaxUint8 || f.Run < 1 || f.Epoch < 1 {
		return b, fmt.Errorf("%w: there can be no log of run %d, job %q, epoch %d, activity %q", ErrFrame, f.Run, f.Job, f.Epoch, f.Activity)
	}
	b = header(b, frameOpen, f.Stream)
	b = binary.LittleEndian.AppendUint64(b, uint64(f.Run))
	b = binary.LittleEndian.AppendUint64(b, uint64(f.Epoch))
	b = append(b, byte(len(f.Job)))
	b = append(b, f.Job...)
	return append(b, f.Activity...), nil
}

func number(b []byte, kind byte, stream uint32, n int64) ([]byte, error) {
	if n < 0 {
		return b, fmt.Errorf("%w: %d is no place in a log", ErrFrame, n)
	}
	return binary.LittleEndian.AppendUint64(header(b, kind, stream), uint64(n)), nil
}

func (f LogAck) appendTo(b []byte) ([]byte, error) { return number(b, frameAck, f.Stream, f.Length) }
func (f LogRewind) appendTo(b []byte) ([]byte, error) {
	return number(b, frameRewind, f.Stream, f.Length)
}
func (f LogDiverged) appendTo(b []byte) ([]byte, error) {
	return number(b, frameDiverged, f.Stream, f.At)
}
func (f LogHold) appendTo(b []byte) ([]byte, error) {
	return number(b, frameHold, f.Stream, f.Pause.Milliseconds())
}

func (f LogData) appendTo(b []byte) ([]byte, error) {
	b, err := number(b, frameData, f.Stream, f.Offset)
	if err == nil {
		err = f.check()
	}
	if err != nil {
		return b, err
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(len(f.Marks)))
	b = append(b, f.Marks...)
	return append(b, f.Payload...), nil
}

func (f LogData) check() error {
	switch {
	case len(f.Payload) == 0 || len(f.Payload) > MaxPayload:
		return fmt.Errorf("%w: %d bytes of a log, want 1 to %d", ErrFrame, len(f.Payload), MaxPayload)
	case len(f.Marks) > MaxMarks || len(f.Marks)%MarkSize != 0:
		return fmt.Errorf("%w: %d bytes of marks", ErrFrame, len(f.Marks))
	case f.Offset < 0 || f.Offset > math.MaxInt64-MaxPayload:
		return fmt.Errorf("%w: %d is no place in a log", ErrFrame, f.Offset)
	}
	return nil
}

// DecodeFrame reads a frame. Marks and Payload of a LogData are parts of data, not copies.
func DecodeFrame(data []byte) (LogFrame, error) {
	if len(data) < frameHeader+sumLength {
		return nil, fmt.Errorf("%w: %d bytes", ErrFrame, len(data))
	}
	data, sum := data[:len(data)-sumLength], data[len(data)-sumLength:]
	if crc32.Checksum(data, castagnoli()) != binary.LittleEndian.Uint32(sum) {
		return nil, fmt.Errorf("%w: its CRC is wrong", ErrFrame)
	}
	kind, stream, rest := data[0], binary.LittleEndian.Uint32(data[1:]), data[frameHeader:]
	switch kind {
	case frameOpen:
		return decodeOpen(stream, data)
	case frameData:
		return decodeData(stream, data)
	case frameAck, frameRewind, frameDiverged, frameHold:
	default:
		return nil, fmt.Errorf("%w: unknown kind %d", ErrFrame, kind)
	}
	if len(rest) != 8 || rest[7]&0x80 != 0 {
		return nil, fmt.Errorf("%w: kind %d with %d bytes", ErrFrame, kind, len(data))
	}
	n := int64(binary.LittleEndian.Uint64(rest))
	switch kind {
	case frameAck:
		return LogAck{stream, n}, nil
	case frameRewind:
		return LogRewind{stream, n}, nil
	case frameHold:
		if n > math.MaxInt64/int64(time.Millisecond) {
			return nil, fmt.Errorf("%w: LogHold for %d ms", ErrFrame, n)
		}
		return LogHold{stream, time.Duration(n) * time.Millisecond}, nil
	}
	return LogDiverged{stream, n}, nil
}

func decodeOpen(stream uint32, data []byte) (LogFrame, error) {
	if len(data) < openHeader {
		return nil, fmt.Errorf("%w: LogOpen of %d bytes", ErrFrame, len(data))
	}
	n, names := int(data[openHeader-1]), data[openHeader:]
	if n == 0 || len(names) <= n || len(names)-n > math.MaxUint8 {
		return nil, fmt.Errorf("%w: LogOpen with a name that is missing or too long", ErrFrame)
	}
	f := LogOpen{Stream: stream, Activity: string(names[n:])}
	f.Run = int64(binary.LittleEndian.Uint64(data[frameHeader:]))
	f.Epoch = int64(binary.LittleEndian.Uint64(data[frameHeader+8:]))
	f.Job = string(names[:n])
	if f.Run < 1 || f.Epoch < 1 {
		return nil, fmt.Errorf("%w: LogOpen of run %d, epoch %d", ErrFrame, f.Run, f.Epoch)
	}
	return f, nil
}

func decodeData(stream uint32, data []byte) (LogFrame, error) {
	if len(data) < dataHeader {
		return nil, fmt.Errorf("%w: LogData of %d bytes", ErrFrame, len(data))
	}
	marks, rest := binary.LittleEndian.Uint32(data[dataHeader-4:]), data[dataHeader:]
	if uint64(marks) > uint64(len(rest)) {
		return nil, fmt.Errorf("%w: LogData with %d bytes of marks in %d", ErrFrame, marks, len(rest))
	}
	f := LogData{Stream: stream, Marks: rest[:marks:marks], Payload: rest[marks:]}
	f.Offset = int64(binary.LittleEndian.Uint64(data[frameHeader:]))
	return f, f.check()
}
