// Package backup writes what a server must not lose into one file, reads it again, and puts it in the place of what a data folder
// holds.
//
// A backup is a tar archive. Its first entry says what it is; its last one, the manifest, lists every file with its size and its
// SHA-256. So a backup that was cut short, or in which a file was changed, is recognised, and nothing is restored from it.
//
// It knows the names of files, and nothing of what is in them. It never deletes what it replaces: see Swap.
package backup

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// format is the version of the archive's form.
const format = 1

// The names in the archive that are no files of a data folder.
const (
	headName     = "tutti-backup"
	manifestName = "manifest.json"
)

// Database is the name of the database in a data folder, Logs that of the folder of logs, and Copies that of the folder of the copies
// of the database that a server makes by itself.
const (
	Database = "tutti.db"
	Logs     = "logs"
	Copies   = "backups"
)

// small are the other files of a data folder that a backup has.
var small = [...]string{"admin.token", "agent.token", "sessions.json"}

// A Manifest says what a backup holds.
type Manifest struct {
	Format  int       `json:"format"`
	Version string    `json:"version"` // of the tutti that wrote it
	At      time.Time `json:"at"`      // the time of what is in it
	// Whole says that it holds all that a server needs; else it is the database alone.
	Whole bool   `json:"whole"`
	Files []File `json:"files"`
}

// A File is one file of a backup.
type File struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// A Source is what a backup is made of.
type Source struct {
	Dir     string // the data folder
	Version string
	Now     func() time.Time
	// Snapshot copies the database into a new file. Logs calls add for each file of a log; nil makes a backup of the database alone.
	Snapshot func(ctx context.Context, path string) error
	Logs     func(ctx context.Context, add func(name string, size int64, body io.Reader) error) error
	// Trap is called at the named point where tests let the process fail; nil is fine.
	Trap func(point string) error
}

// Write writes a backup. The database is copied first and the logs after it, so that they hold at least what it knows of them.
func Write(ctx context.Context, w io.Writer, src Source) (m Manifest, err error) {
	copied := filepath.Join(src.Dir, fmt.Sprintf(".backup-%d.db", src.Now().UnixNano()))
	defer func() {
		if gone := os.Remove(copied); gone != nil && !os.IsNotExist(gone) && err == nil {
			err = fmt.Errorf("tidying up after a backup: %w", gone)
		}
	}()
	out := writer{tar: tar.NewWriter(w), m: Manifest{Format: format, Version: src.Version, At: src.Now().UTC(), Whole: src.Logs != nil}}
	if err := src.Snapshot(ctx, copied); err != nil {
		return m, err
	}
	if err := out.text(headName, fmt.Appendf(nil, "%d\nA backup of a Tutti server: tutti server restore FILE\n", format)); err != nil {
		return m, err
	}
	if err := out.file(ctx, Database, copied); err != nil {
		return m, err
	}
	if src.Trap != nil {
		if err := src.Trap("backup.during"); err != nil {
			return m, err
		}
	}
	if src.Logs != nil {
		if err := out.rest(ctx, src); err != nil {
			return m, err
		}
	}
	return out.m, out.close()
}

// A writer writes an archive, and takes down what is in it.
type writer struct {
	tar *tar.Writer
	m   Manifest
}

// rest adds all but the database.
func (w *writer) rest(ctx context.Context, src Source) error {
	for _, name := range small {
		err := w.file(ctx, name, filepath.Join(src.Dir, name))
		if err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	return src.Logs(ctx, func(name string, size int64, body io.Reader) error {
		return w.add(ctx, Logs+"/"+filepath.ToSlash(name), size, body)
	})
}

func (w *writer) file(ctx context.Context, name, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close() // only read
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("backing up %s: %w", name, err)
	}
	return w.add(ctx, name, info.Size(), f)
}

// add adds the first size bytes of body.
func (w *writer) add(ctx context.Context, name string, size int64, body io.Reader) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := w.tar.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: size, ModTime: w.m.At.Truncate(time.Second), Typeflag: tar.TypeReg}); err != nil {
		return fmt.Errorf("backing up %s: %w", name, err)
	}
	hash := sha256.New()
	if _, err := io.CopyN(io.MultiWriter(w.tar, hash), body, size); err != nil {
		return fmt.Errorf("backing up %s: %w", name, err)
	}
	w.m.Files = append(w.m.Files, File{Name: name, Size: size, SHA256: hex.EncodeToString(hash.Sum(nil))})
	return nil
}

// text adds an entry that is no file of the server's.
func (w *writer) text(name string, data []byte) error {
	err := w.tar.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(data)), ModTime: w.m.At.Truncate(time.Second), Typeflag: tar.TypeReg})
	if err == nil {
		_, err = w.tar.Write(data)
	}
	if err != nil {
		return fmt.Errorf("writing backup: %w", err)
	}
	return nil
}

func (w *writer) close() error {
	data, err := json.Marshal(w.m)
	if err != nil {
		return fmt.Errorf("writing backup: %w", err)
	}
	if err := w.text(manifestName, data); err != nil {
		return err
	}
	if err := w.tar.Close(); err != nil {
		return fmt.Errorf("writing backup: %w", err)
	}
	return nil
}
