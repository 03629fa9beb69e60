package caged

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
)

// maxFrame bounds what one side makes the other one hold: far more than the files of a request, or the plans of all of
// its pipelines, can have.
const maxFrame = 256 << 20

// hello is the child's first frame.
type hello struct {
	Version int `json:"version"`
}

const version = 1

func writeFrame(w io.Writer, body any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("writing frame: %w", err)
	}
	if len(data) > maxFrame {
		return fmt.Errorf("writing frame: %d bytes are too many", len(data))
	}
	frame := binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(data)), uint32(len(data)))
	if _, err := w.Write(append(frame, data...)); err != nil {
		return fmt.Errorf("writing frame: %w", err)
	}
	return nil
}

// readFrame answers io.EOF if the other side ended between two frames.
func readFrame(r io.Reader, body any) error {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err == io.EOF {
		return io.EOF
	} else if err != nil {
		return fmt.Errorf("reading frame: %w", err)
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > maxFrame {
		return fmt.Errorf("reading frame: %d bytes are too many", n)
	}
	data := make([]byte, n)
	if _, err := io.ReadFull(r, data); err != nil {
		return fmt.Errorf("reading frame: %w", err)
	}
	if err := json.Unmarshal(data, body); err != nil {
		return fmt.Errorf("reading frame: %w", err)
	}
	return nil
}
