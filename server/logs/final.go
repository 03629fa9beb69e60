package logs

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// A final is the last word on a log.
type final struct {
	Bytes  int64  `json:"bytes"`
	Lines  int64  `json:"lines"`
	SHA256 string `json:"sha256"`
	// Incomplete says what is missing; empty for a log that holds every byte that the activity wrote.
	Incomplete string `json:"incomplete,omitempty"`
}

// readFinal answers nil for a log that is not finished, or not there.
func readFinal(dir string) (*final, error) {
	data, err := os.ReadFile(filepath.Join(dir, "final"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the end of a log: %w", err)
	}
	var f final
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, fmt.Errorf("reading the end of the log in %s: %w", dir, err)
	}
	return &f, nil
}

// write puts f on disk, wholly or not at all.
func (f *final) write(dir string) error {
	data, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("writing the end of a log: %w", err)
	}
	tmp := filepath.Join(dir, "final.tmp")
	if err := writeSynced(tmp, data); err != nil {
		return fmt.Errorf("writing the end of a log: %w", err)
	}
	if err := os.Rename(tmp, filepath.Join(dir, "final")); err != nil {
		return fmt.Errorf("writing the end of a log: %w", err)
	}
	return syncDir(dir)
}

func writeSynced(name string, data []byte) error {
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

// syncDir makes the names in a folder durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("syncing a folder of logs: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("syncing a folder of logs: %w", err)
	}
	return nil
}
