package store

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/tutti-ci/tutti/server"
)

// Migrations are numbered from 1 and never changed once released. Each runs in a transaction together with the note that
// it ran, so that one that is cut short has not happened.
//
//go:embed migrations/*.sql
var migrations embed.FS

type migration struct {
	version int
	name    string
	sql     string
}

func (db *DB) migrate(ctx context.Context) error {
	all, err := readMigrations(migrations)
	if err != nil {
		return err
	}
	err = db.write(ctx, func(t *tx) error {
		_, err := t.exec(ctx, `CREATE TABLE IF NOT EXISTS migrations (version INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL, at BIGINT NOT NULL)`)
		return err
	})
	if err != nil {
		return fmt.Errorf("preparing migrations: %w", err)
	}
	var have int
	if err := db.writer.QueryRowContext(ctx, `SELECT COALESCE(MAX(version), 0) FROM migrations`).Scan(&have); err != nil {
		return fmt.Errorf("reading version of schema: %w", err)
	}
	if newest := all[len(all)-1].version; have > newest {
		return server.Errorf(server.Conflict,
			"it was written by a newer tutti (its schema has version %d, this one knows up to %d): start that release, or restore a backup from before the upgrade",
			have, newest)
	}
	for _, m := range all {
		if m.version <= have {
			continue
		}
		if err := db.apply(ctx, m); err != nil {
			return fmt.Errorf("migrating to %s: %w", m.name, err)
		}
	}
	return nil
}

func (db *DB) apply(ctx context.Context, m migration) error {
	return db.write(ctx, func(t *tx) error {
		if _, err := t.exec(ctx, m.sql); err != nil {
			return err
		}
		if db.trap != nil {
			if err := db.trap("store.during_migration"); err != nil {
				return err
			}
		}
		_, err := t.exec(ctx, `INSERT INTO migrations (version, name, at) VALUES (?, ?, ?)`, m.version, m.name, t.now)
		return err
	})
}

// readMigrations answers the migrations of a folder in their order; they must be numbered without a gap.
func readMigrations(files fs.FS) ([]migration, error) {
	names, err := fs.Glob(files, "migrations/*.sql")
	if err != nil {
		return nil, fmt.Errorf("reading migrations: %w", err)
	}
	var all []migration
	for i, path := range names { // Glob sorts, and the numbers have leading zeros
		name := strings.TrimSuffix(strings.TrimPrefix(path, "migrations/"), ".sql")
		number, _, _ := strings.Cut(name, "_")
		if v, err := strconv.Atoi(number); err != nil || v != i+1 {
			return nil, fmt.Errorf("reading migrations: %s should have number %d", path, i+1)
		}
		text, err := fs.ReadFile(files, path)
		if err != nil {
			return nil, fmt.Errorf("reading migrations: %w", err)
		}
		all = append(all, migration{version: i + 1, name: name, sql: string(text)})
	}
	return all, nil
}
