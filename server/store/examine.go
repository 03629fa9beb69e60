package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/tutti-ci/tutti/server"
)

// A DamagedError says that a database is not as it was left, so that nothing in it can be relied on.
type DamagedError struct {
	Path string
	What string // what is wrong, for people: "page 7 is not as it was written"
	// Changed says that nothing but its sums says so: another program may have changed it on purpose. Without them SQLite's own check
	// would have the last word.
	Changed bool
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("the database %s is damaged: %s", e.Path, e.What)
}

// A condition is in what state a database file was found.
type condition struct {
	sums    pageCheck
	unclean bool // it was not closed
	fresh   bool // there is none yet
}

// examine looks at the files of the database before SQLite opens them, which may change them.
func (db *DB) examine() (condition, error) {
	info, err := os.Stat(db.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return condition{}, fmt.Errorf("checking database: %w", err)
	}
	missing := err != nil
	if missing || info.Size() == 0 {
		if _, err := os.Stat(db.path + ".sums"); err == nil && missing {
			return condition{}, &DamagedError{Path: db.path, What: "the file is missing"}
		}
	}
	if missing {
		return condition{sums: pagesUnknown, fresh: true}, nil
	}
	log, err := readWAL(db.path + "-wal")
	if err != nil {
		return condition{}, err
	}
	if log.damaged {
		return condition{}, &DamagedError{Path: db.path, What: "its write-ahead log is not as it was written"}
	}
	found, what, err := checkPages(db.path, log)
	if err != nil {
		return condition{}, err
	}
	if found == pagesBad || found == pagesChanged {
		return condition{}, &DamagedError{Path: db.path, What: what, Changed: found == pagesChanged}
	}
	return condition{sums: found, unclean: len(log.pages) > 0, fresh: info.Size() == 0 && len(log.pages) == 0}, nil
}

// inspect has SQLite check the database: wholly where there are no sums, in short after a server that did not close it.
func (db *DB) inspect(ctx context.Context, was condition) error {
	check := `PRAGMA quick_check(1)`
	switch {
	case was.fresh, was.sums == pagesGood && !was.unclean:
		return nil
	case was.sums == pagesUnknown:
		check = `PRAGMA integrity_check(1)`
	}
	var verdict string
	if err := db.writer.QueryRowContext(ctx, check).Scan(&verdict); err != nil {
		return fmt.Errorf("checking database: %w", err)
	}
	if verdict != "ok" {
		return &DamagedError{Path: db.path, What: strings.ReplaceAll(verdict, "\n", ", ")}
	}
	return nil
}

// damage makes a *DamagedError of SQLite's own words for a file that it cannot make sense of.
func (db *DB) damage(err error) error {
	if code := codeOf(err); code == codeCorrupt || code == codeNoDatabase {
		return &DamagedError{Path: db.path, What: err.Error()}
	}
	return err
}

// layout is the version of the data folder's layout.
const layout = 1

// checkLayout refuses a data folder of a newer release, and marks one that has no mark yet.
func checkLayout(dir string) error {
	name := filepath.Join(dir, "layout")
	data, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(data) == 0 { // a crash, or a full disk, kept it from being written
		if err := os.WriteFile(name, []byte(strconv.Itoa(layout)+"\n"), 0o600); err != nil {
			return fmt.Errorf("marking data folder: %w", err)
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading version of data folder: %w", err)
	}
	version, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil {
		return server.Errorf(server.Conflict, "data folder %s: the file layout holds %q, which is no version: write %d into it if no newer tutti had the folder", dir, data, layout)
	}
	if version > layout {
		return server.Errorf(server.Conflict, "data folder %s was written by a newer tutti (its layout has version %d, this one knows up to %d): start that release, or restore a backup from before the upgrade",
			dir, version, layout)
	}
	return nil
}
