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

	now    func() time.Time
	lock   *os.File // held from Open to Close
	writer *sql.DB  // one connection
	reader *sql.DB
}

// Open opens the database at path, makes it if there is none, and brings it to the schema of this release. It answers a
// Conflict if another process has the data folder, that is the folder of the file, and refuses a database that a newer
// release has written. now is the server's clock.
func Open(ctx context.Context, path string, now func() time.Time) (*DB, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("making data folder: %w", err)
	}
	lock, err := lockFolder(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	db := &DB{now: now, lock: lock}
	if err := db.open(ctx, path); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

func (db *DB) open(ctx context.Context, path string) error {
	abs, err := filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("opening database: %w", err)
	}
	// SQLite would make the file readable to all; its log files take its mode over.
	f, err := os.OpenFile(abs, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("opening database: %w", err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("opening database: %w", err)
	}
	pragmas := "_pragma=busy_timeout(10000)&_pragma=foreign_keys(1)&_pragma=synchronous(FULL)"
	name := (&url.URL{Scheme: "file", Path: abs}).String()
	// With secure_delete, a secret that is removed or replaced is not left in the free space of the file.
	if db.writer, err = sql.Open("sqlite", name+"?"+pragmas+"&_pragma=secure_delete(1)&_pragma=journal_mode(WAL)&_txlock=immediate"); err != nil {
		return fmt.Errorf("opening database: %w", err)
	}
	db.writer.SetMaxOpenConns(1)
	if err := db.migrate(ctx); err != nil {
		return fmt.Errorf("opening database %s: %w", path, err)
	}
	if db.reader, err = sql.Open("sqlite", name+"?"+pragmas+"&_pragma=query_only(1)"); err != nil {
		return fmt.Errorf("opening database: %w", err)
	}
	db.reader.SetMaxOpenConns(readers)
	db.reader.SetMaxIdleConns(readers)
	return db.disconnectAgents(ctx)
}

// Close waits for what is under way and gives the data folder free.
func (db *DB) Close() error {
	var errs []error
	for _, pool := range []*sql.DB{db.reader, db.writer} { // the last to close tidies the write-ahead log up
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
		return fmt.Errorf("reading database: %w", err)
	}
	return nil
}
