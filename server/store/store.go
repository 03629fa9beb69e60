// Package store keeps what the server must not forget in SQL: projects and their heads, runs with their jobs and
// activities, the history of each run, and agents. It owns every transition of a state, and whoever wants one calls a
// method here.
//
// Each transition is one guarded UPDATE that names the state and the epoch it starts from and counts the rows that it
// changed, and its entry in the history is written in the same transaction; nothing that is done is ever changed. The
// store never decides which agent gets a job (package queue does), holds no log bytes (package logs), and starts nothing
// by itself: its only voice is OnChange.
//
// The SQL is meant for SQLite and PostgreSQL alike. SQLite is driven with a write-ahead log that is synced at each commit,
// one connection that writes, and a few that read.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	_ "modernc.org/sqlite" // the driver

	"github.com/tutti-ci/tutti/server"
)

// readers bounds the connections that read at the same time; each has a page cache of its own.
const readers = 4

// A DB is an open database. Its methods may be called from several goroutines; they answer errors of package server where
// the caller is to blame.
type DB struct {
	// OnChange is called after each commit that changed a run, by the goroutine that made it. It must not block. Set it
	// before the first use; nil is fine.
	OnChange func(run server.RunID)

	path      string
	now       func() time.Time
	troubles  *server.Troubles // nil is fine
	trap      func(point string) error
	before    func() error
	lock      *os.File // held from Open to Close
	writer    *sql.DB  // one connection
	reader    *sql.DB
	unmoved   atomic.Int64 // about how many pages the write-ahead log has
	unwilling atomic.Bool  // the last attempt to write failed
}

// An Option changes how a database is opened.
type Option func(*DB)

// WithTroubles has it told there when the database cannot be written, and when it can be again.
func WithTroubles(t *server.Troubles) Option { return func(db *DB) { db.troubles = t } }

// WithBefore calls do once the data folder is this process's, and before anything in it is opened.
func WithBefore(do func() error) Option { return func(db *DB) { db.before = do } }

// WithTrap calls trap at the named points where tests let the process fail.
func WithTrap(trap func(point string) error) Option { return func(db *DB) { db.trap = trap } }

// Open opens the database at path, makes it if there is none, and brings it to the schema of this release. It answers a
// Conflict if another process has the data folder, that is the folder of the file, and refuses a database, or a folder, that a newer
// release has written; and with a *DamagedError one that is not as it was left. now is the server's clock.
func Open(ctx context.Context, path string, now func() time.Time, options ...Option) (*DB, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("making data folder: %w", err)
	}
	lock, err := lockFolder(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	db := &DB{path: path, now: now, lock: lock}
	for _, o := range options {
		o(db)
	}
	if err := db.open(ctx); err != nil {
		return nil, db.giveUp(db.damage(err))
	}
	return db, nil
}

// giveUp closes what was opened before an error. A database that is not damaged is left as by Close: SQLite copies the write-ahead log
// when the last connection closes, and the sums have to go along, or the next start would take the pages for damaged.
func (db *DB) giveUp(err error) error {
	var damaged *DamagedError
	if db.writer != nil && !errors.As(err, &damaged) {
		err = errors.Join(err, db.leave())
	}
	return errors.Join(err, db.close())
}

func (db *DB) open(ctx context.Context) error {
	abs, err := filepath.Abs(db.path)
	if err != nil {
		return fmt.Errorf("opening database: %w", err)
	}
	db.path = abs
	if err := checkLayout(filepath.Dir(abs)); err != nil {
		return err
	}
	if db.before != nil {
		if err := db.before(); err != nil {
			return err
		}
	}
	was, err := db.examine()
	if err != nil {
		return err
	}
	if err := db.connect(abs); err != nil {
		return err
	}
	if err := db.inspect(ctx, was); err != nil {
		return err
	}
	if err := db.migrate(ctx); err != nil {
		return fmt.Errorf("opening database %s: %w", db.path, err)
	}
	if was.sums == pagesUnknown {
		if err := db.settleSums(ctx); err != nil {
			return fmt.Errorf("opening database: %w", err)
		}
	}
	if err := db.disconnectAgents(ctx); err != nil {
		return err
	}
	if db.troubles != nil { // they may be those of the database whose place this one took
		db.troubles.Clear("database")
	}
	return nil
}

func (db *DB) connect(abs string) error {
	// SQLite would make the file readable to all; its log files take its mode over.
	f, err := os.OpenFile(abs, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("opening database: %w", err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("opening database: %w", err)
	}
	// That wal_autocheckpoint is 0 leaves the copying of the log to checkpoint.
	pragmas := "_pragma=busy_timeout(10000)&_pragma=wal_autocheckpoint(0)&_pragma=foreign_keys(1)&_pragma=synchronous(FULL)"
	name := urlOf(abs)
	// With secure_delete, a secret that is removed or replaced is not left in the free space of the file.
	if db.writer, err = sql.Open("sqlite", name+"?"+pragmas+"&_pragma=secure_delete(1)&_pragma=journal_mode(WAL)&_txlock=immediate"); err != nil {
		return fmt.Errorf("opening database: %w", err)
	}
	db.writer.SetMaxOpenConns(1)
	if db.reader, err = sql.Open("sqlite", name+"?"+pragmas+"&_pragma=query_only(1)"); err != nil {
		return fmt.Errorf("opening database: %w", err)
	}
	db.reader.SetMaxOpenConns(readers)
	db.reader.SetMaxIdleConns(readers)
	return nil
}

// urlOf names a database file for SQLite.
func urlOf(path string) string { return (&url.URL{Scheme: "file", Path: path}).String() }

// Close waits for what is under way and gives the data folder free.
func (db *DB) Close() error {
	var errs []error
	errs = append(errs, db.reader.Close(), db.leave())
	return errors.Join(append(errs, db.close())...)
}

// close closes what is open, and leaves the files as they are but for what SQLite tidies up.
func (db *DB) close() error {
	var errs []error
	for _, pool := range []*sql.DB{db.reader, db.writer} {
		if pool != nil {
			errs = append(errs, pool.Close())
		}
	}
	if err := errors.Join(append(errs, db.lock.Close())...); err != nil {
		return fmt.Errorf("closing database: %w", err)
	}
	return nil
}

// Ping answers whether the database can be read.
func (db *DB) Ping(ctx context.Context) error {
	var one int
	if err := db.reader.QueryRowContext(ctx, `SELECT 1`).Scan(&one); err != nil {
		return db.trouble(fmt.Errorf("reading database: %w", err))
	}
	return nil
}
