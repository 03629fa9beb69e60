package backup

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/tutti-ci/tutti/server/durable"
)

// journalName is the file in a data folder that says of an exchange that is under way.
const journalName = "restoring.json"

// A Swap is an exchange of what a data folder holds. It is done by renaming, and noted on disk, so that a process that dies
// meanwhile leaves it to the next one; see Finish.
type Swap struct {
	New   string   `json:"new"`   // folder of what comes; below the data folder, like Old
	Old   string   `json:"old"`   // folder that takes what goes
	Items []string `json:"items"` // files and folders
	// Out says that all has gone that goes.
	Out bool `json:"out"`
}

// Items are what a restore of a backup replaces.
func (m Manifest) Items() []string {
	items := []string{Database, Database + "-wal", Database + "-shm", Database + ".sums"}
	if m.Whole { // then the folder has the layout of the release that restores
		items = append(append(items, small[:]...), Logs, "layout")
	}
	return items
}

// Do exchanges. Nobody else may use the data folder.
func (s Swap) Do(dir string) error {
	if err := s.note(dir); err != nil {
		return err
	}
	return s.finish(dir)
}

// Finish goes on with an exchange that was cut short, if there is one. Nobody else may use the data folder.
func Finish(dir string) error {
	s, err := under(dir)
	if s == nil || err != nil {
		return err
	}
	return s.finish(dir)
}

// Tidy removes what backups and restores left that were never finished. Nobody else may use the data folder.
func Tidy(dir string) error {
	for _, pattern := range []string{".backup-*.db*", stagingPrefix + "*", Copies + "/.*"} {
		left, err := fs.Glob(os.DirFS(dir), pattern)
		if err != nil {
			return fmt.Errorf("tidying up: %w", err)
		}
		for _, name := range left {
			if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
				return fmt.Errorf("tidying up: %w", err)
			}
		}
	}
	return nil
}

// stagingPrefix begins the names of folders of backups that are being unpacked.
const stagingPrefix = ".restore-"

// Staging answers the name of a folder below a data folder that a backup can be unpacked into.
func Staging(now time.Time) string { return stagingPrefix + strconv.FormatInt(now.UnixNano(), 36) }

// under answers the exchange that is under way in a data folder, or nil.
func under(dir string) (*Swap, error) {
	data, err := os.ReadFile(filepath.Join(dir, journalName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("finishing a restore: %w", err)
	}
	var s Swap
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, fmt.Errorf("finishing a restore: reading %s: %w", journalName, err)
	}
	return &s, nil
}

func (s Swap) finish(dir string) error {
	if !s.Out {
		if err := os.MkdirAll(filepath.Join(dir, s.Old), 0o700); err != nil {
			return fmt.Errorf("restoring: %w", err)
		}
		if err := move(dir, filepath.Join(dir, s.Old), s.Items); err != nil {
			return err
		}
		s.Out = true
		if err := s.note(dir); err != nil {
			return err
		}
	}
	if err := move(filepath.Join(dir, s.New), dir, s.Items); err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(dir, journalName)); err != nil {
		return fmt.Errorf("restoring: %w", err)
	}
	if err := os.RemoveAll(filepath.Join(dir, s.New)); err != nil {
		return fmt.Errorf("tidying up after a restore: %w", err)
	}
	return durable.Sync(dir)
}

// Undo puts back what went, however far the exchange came.
func (s Swap) Undo(dir string) error {
	now, err := under(dir)
	if err != nil {
		return err
	}
	back := Swap{New: s.Old, Old: "failed-" + s.Old, Items: s.Items}
	if now != nil && !now.Out { // what has not gone yet stays
		back.Items = slices.DeleteFunc(slices.Clone(s.Items), func(item string) bool {
			_, err := os.Lstat(filepath.Join(dir, s.Old, item))
			return err != nil
		})
	}
	if _, err := os.Stat(filepath.Join(dir, s.Old)); errors.Is(err, fs.ErrNotExist) { // nothing has gone, and nothing must
		if err := os.Remove(filepath.Join(dir, journalName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("undoing a restore: %w", err)
		}
		return errors.Join(durable.Sync(dir), os.RemoveAll(filepath.Join(dir, s.New)))
	}
	if err := back.Do(dir); err != nil {
		return err
	}
	// What came, or was to come, is still in the backup.
	return errors.Join(os.RemoveAll(filepath.Join(dir, back.Old)), os.RemoveAll(filepath.Join(dir, s.New)))
}

// move moves what is there of the items.
func move(from, to string, items []string) error {
	for _, item := range items {
		err := os.Rename(filepath.Join(from, item), filepath.Join(to, item))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("restoring: %w", err)
		}
	}
	return errors.Join(durable.Sync(from), durable.Sync(to))
}

// note writes down how far the exchange is.
func (s Swap) note(dir string) error {
	data, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("restoring: %w", err)
	}
	if err := durable.WriteFile(filepath.Join(dir, journalName), data); err != nil {
		return fmt.Errorf("restoring: %w", err)
	}
	return nil
}
