package store

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"modernc.org/sqlite"

	"github.com/tutti-ci/tutti/server"
)

// SQLite's codes, as far as they are told apart here (https://www.sqlite.org/rescode.html).
const (
	codeBusy       = 5
	codeNoMemory   = 7
	codeReadOnly   = 8
	codeIO         = 10
	codeCorrupt    = 11
	codeFull       = 13
	codeCannotOpen = 14
	codeNoDatabase = 26
)

// codeOf answers SQLite's code of an error; 0 if it is none of SQLite's.
func codeOf(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code() & 0xff
	}
	return 0
}

// trouble marks an error that comes from the disk, and not from what was asked, as one that may pass.
func (db *DB) trouble(err error) error {
	switch codeOf(err) {
	case codeBusy, codeNoMemory, codeReadOnly, codeIO, codeFull, codeCannotOpen, codeCorrupt, codeNoDatabase:
		return &server.Error{Kind: server.Unavailable, Message: "the server's database cannot be used now (" + reason(err) + "): try again later", Err: err}
	}
	return err
}

// reason says in a few words what kept the database from being used.
func reason(err error) string {
	switch codeOf(err) {
	case codeBusy:
		return "it is busy"
	case codeFull:
		return "its disk is full"
	case codeCorrupt, codeNoDatabase:
		return "it is damaged"
	case codeReadOnly:
		return "it cannot be written"
	}
	return "its disk does not work"
}

// refuse is trouble for what should have been written: people are told, until something can be.
func (db *DB) refuse(err error) error {
	code := codeOf(err)
	unavailable := db.trouble(err)
	if unavailable == err || code == codeBusy || code == codeNoMemory {
		return unavailable
	}
	db.unwilling.Store(true)
	if db.troubles != nil {
		text := fmt.Sprintf("Nothing can be stored in %s: %s. Once that is mended all goes on by itself", filepath.Dir(db.path), reason(err))
		if code == codeCorrupt || code == codeNoDatabase {
			text = fmt.Sprintf("The database %s is damaged. Stop the server, and restore a backup: tutti server restore FILE --data %s", db.path, filepath.Dir(db.path))
		}
		db.troubles.Set(server.Trouble{Kind: "database", Text: text, Since: db.now(), Halts: true})
	}
	return unavailable
}

// report tells people of an error that keeps nothing from being stored.
func (db *DB) report(err error) {
	if db.troubles != nil {
		db.troubles.Set(server.Trouble{Kind: "database", Text: "The database cannot be tidied up: " + err.Error(), Since: db.now()})
	}
	db.unwilling.Store(true)
}

// probeSize is what a database that could not be written has to take in before it counts as one that can be.
const probeSize = 256 << 10

// Probe finds out, if the database could not be written some time ago, whether it can be again.
func (db *DB) Probe(ctx context.Context) error {
	if !db.unwilling.Load() {
		return nil
	}
	err := db.write(ctx, func(t *tx) error {
		_, err := t.exec(ctx, `INSERT INTO probe (data) VALUES (zeroblob(?))`, probeSize)
		return err
	})
	if err != nil {
		return fmt.Errorf("writing to the database to see whether it can be: %w", err)
	}
	err = db.write(ctx, func(t *tx) error {
		_, err := t.exec(ctx, `DELETE FROM probe`)
		return err
	})
	if err != nil {
		return fmt.Errorf("tidying up after a probe of the database: %w", err)
	}
	if err := db.checkpoint(ctx, "PASSIVE"); err != nil {
		return err
	}
	if db.unwilling.CompareAndSwap(true, false) && db.troubles != nil {
		db.troubles.Clear("database")
	}
	return nil
}
