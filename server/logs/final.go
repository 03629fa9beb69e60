package logs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tutti-ci/tutti/server/durable"
)

// A final is the last word on a log.
type final struct {
	Bytes  int64  `json:"bytes"`
	Lines  int64  `json:"lines"`
	SHA256 string `json:"sha256"`
	// Incomplete says what is missing; empty for a log that holds every byte that the activity wrote.
	Incomplete string `json:"incomplete,omitempty"`
	// Check is a CRC-32C of the rest; the first releases wrote none.
	Check *uint32 `json:"check,omitempty"`
}

// readFinal answers nil for a log that is not finished, or not there, or whose last word is damaged: what the log is can then be
// found out from its frames.
func readFinal(dir string) (f *final, damaged bool, err error) {
	data, err := os.ReadFile(filepath.Join(dir, "final"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("reading the end of a log: %w", err)
	}
	f, ok := decodeFinal(data)
	return f, !ok, nil
}

func decodeFinal(data []byte) (*final, bool) {
	var f final
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if dec.Decode(&f) != nil || f.Bytes < 0 || f.Lines < 0 {
		return nil, false
	}
	if check := f.Check; check != nil {
		f.Check = nil
		if f.sum() != *check {
			return nil, false
		}
	}
	return &f, true
}

// sum is what Check has to be.
func (f final) sum() uint32 {
	f.Check = nil
	data, _ := json.Marshal(f) // of numbers and texts, which cannot fail
	return crc32.Checksum(data, castagnoli)
}

// write puts f on disk, wholly or not at all.
func (f *final) write(dir string) error {
	checked, check := *f, f.sum()
	checked.Check = &check
	data, err := json.Marshal(checked)
	if err != nil {
		return fmt.Errorf("writing the end of a log: %w", err)
	}
	if err := durable.WriteFile(filepath.Join(dir, "final"), data); err != nil {
		return fmt.Errorf("writing the end of a log: %w", err)
	}
	return nil
}
