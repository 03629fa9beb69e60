package logs

import (
	"errors"
	"fmt"
	"os"
)

// probeSize is how much has to fit on the disk before logs can be stored.
const probeSize = 1 << 20

// Probe says whether logs could be stored now: it writes a file, syncs it and removes it.
func (s *Store) Probe() (err error) {
	f, err := os.CreateTemp(s.dir, ".probe-*")
	if err != nil {
		return fmt.Errorf("trying to store a log: %w", err)
	}
	defer func() {
		if undo := errors.Join(f.Close(), os.Remove(f.Name())); undo != nil && err == nil {
			err = fmt.Errorf("trying to store a log: %w", undo)
		}
	}()
	if _, err := f.Write(make([]byte, probeSize)); err != nil {
		return fmt.Errorf("trying to store a log: %w", err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("trying to store a log: %w", err)
	}
	return nil
}
