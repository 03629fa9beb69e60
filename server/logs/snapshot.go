package logs

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Snapshot calls add for each file of each log, with its name below the store's folder, as far as the log is durable. Logs may
// grow meanwhile; what was durable before the call is in it.
func (s *Store) Snapshot(ctx context.Context, add func(name string, size int64, body io.Reader) error) error {
	return filepath.WalkDir(s.dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("copying logs: %w", err)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if !d.IsDir() || d.Name() == filepath.Base(s.dir) && path == s.dir {
			return nil
		}
		if _, err := os.Stat(filepath.Join(path, "log")); err != nil {
			return nil // it holds folders of logs
		}
		name, err := filepath.Rel(s.dir, path)
		if err != nil {
			return fmt.Errorf("copying logs: %w", err)
		}
		if err := snapshotLog(path, name, add); err != nil {
			return err
		}
		return fs.SkipDir
	})
}

// snapshotLog copies one log. Its frames are read before its bytes are: these are then all there.
func snapshotLog(dir, name string, add func(string, int64, io.Reader) error) error {
	sizes, err := snapshotSizes(dir)
	if err != nil {
		return err
	}
	for _, each := range sizes {
		f, err := os.Open(filepath.Join(dir, each.name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("copying a log: %w", err)
		}
		err = add(filepath.Join(name, each.name), each.size, f)
		f.Close() // only read
		if err != nil {
			return err
		}
	}
	return nil
}

// A beginning is the first bytes of a file.
type beginning struct {
	name string
	size int64
}

// snapshotSizes answers how much of each file of a log to copy.
func snapshotSizes(dir string) ([]beginning, error) {
	last, _, err := readFinal(dir)
	if err != nil {
		return nil, err
	}
	frames, err := lengthOf(filepath.Join(dir, "frames"), frameSize)
	if err != nil {
		return nil, err
	}
	end := int64(0)
	if last != nil {
		end = last.Bytes
	} else if frames, end, err = lastFrame(filepath.Join(dir, "frames"), frames); err != nil {
		return nil, err
	}
	have, err := lengthOf(filepath.Join(dir, "log"), 1)
	if err != nil {
		return nil, err
	}
	marks, err := lengthOf(filepath.Join(dir, "marks"), markSize)
	if err != nil {
		return nil, err
	}
	parts := []beginning{{"log", min(end, have)}, {"frames", frames}, {"marks", marks}}
	if last == nil {
		return parts, nil // the index of lines is made again
	}
	for _, name := range []string{"lines", "final"} {
		size, err := lengthOf(filepath.Join(dir, name), 1)
		if err != nil {
			return nil, err
		}
		parts = append(parts, beginning{name, size})
	}
	return parts, nil
}

// lengthOf answers how long a file is, in whole records; 0 if there is none.
func lengthOf(name string, record int64) (int64, error) {
	info, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("copying a log: %w", err)
	}
	return info.Size() - info.Size()%record, nil
}

// lastFrame answers up to which whole frame to copy, and what it says of the log's length. Whether it is right is found out by
// whoever opens the copy.
func lastFrame(name string, size int64) (frames, end int64, err error) {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, fmt.Errorf("copying a log: %w", err)
	}
	defer f.Close() // only read
	var rec [frameSize]byte
	for ; size > 0; size -= frameSize {
		if _, err := f.ReadAt(rec[:], size-frameSize); err != nil {
			return 0, 0, fmt.Errorf("copying a log: %w", err)
		}
		if frameIsWhole(rec[:]) {
			return size, int64(binary.LittleEndian.Uint64(rec[:])), nil
		}
	}
	return 0, 0, nil
}
