package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// checkpointAfter is about how many pages the write-ahead log may have before it is copied into the database file.
const checkpointAfter = 1000

// wrote notes how much a transaction may have added to the write-ahead log, and copies the log once it is long. What fails here is
// tried again later: nothing is lost, but the log grows.
func (db *DB) wrote(ctx context.Context, changes int) {
	if db.unmoved.Add(int64(8+4*changes)) < checkpointAfter {
		return
	}
	db.unmoved.Store(0)
	if err := db.checkpoint(context.WithoutCancel(ctx), "PASSIVE"); err != nil {
		db.report(err)
	}
}

// checkpoint copies the write-ahead log into the database file, as far as readers allow, once the sums of its pages are on disk.
// Nothing else may do so; see sums.go.
func (db *DB) checkpoint(ctx context.Context, mode string) error {
	conn, err := db.writer.Conn(ctx) // the only one: nobody writes meanwhile
	if err != nil {
		return fmt.Errorf("copying write-ahead log: %w", err)
	}
	defer func() { _ = conn.Close() }() // gives it back
	log, err := readWAL(db.path + "-wal")
	if err != nil {
		return err
	}
	if err := updateSums(db.path, log); err != nil {
		return err
	}
	var busy, pages, moved int
	if err := conn.QueryRowContext(ctx, `PRAGMA wal_checkpoint(`+mode+`)`).Scan(&busy, &pages, &moved); err != nil {
		return fmt.Errorf("copying write-ahead log: %w", err)
	}
	return nil
}

// settleSums makes the sums of a database that was opened without, and is good. The connections are made anew for that: a process that
// closes a file gives up all locks that it has on it, those of SQLite too, and the next program that looks at the database would take
// itself for the last one, and remove the write-ahead log.
func (db *DB) settleSums(ctx context.Context) error {
	if err := db.checkpoint(ctx, "TRUNCATE"); err != nil {
		return err
	}
	err := errors.Join(db.reader.Close(), db.writer.Close())
	db.reader, db.writer = nil, nil
	if err != nil {
		return fmt.Errorf("making sums: %w", err)
	}
	if err := makeSums(db.path); err != nil {
		return err
	}
	return db.connect(db.path)
}

// leave copies what is left of the log before the last connection closes, which would do it as well, but without the sums. If that
// cannot be, there must be no sums.
func (db *DB) leave() error {
	err := db.checkpoint(context.Background(), "TRUNCATE")
	if err == nil {
		return nil
	}
	if gone := os.Remove(db.path + ".sums"); !errors.Is(gone, fs.ErrNotExist) {
		err = errors.Join(err, gone)
	}
	return err
}
