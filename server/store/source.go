package store

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/tutti-ci/tutti/server"
)

// storeSource stores what a run was planned from, unless the same is there already, and answers its name.
func (t *tx) storeSource(ctx context.Context, source []byte) (sql.NullString, error) {
	if len(source) == 0 {
		return sql.NullString{}, nil
	}
	sum := sha256.Sum256(source)
	name := hex.EncodeToString(sum[:])
	var there bool
	if err := t.sql.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM sources WHERE sha256 = ?)`, name).Scan(&there); err != nil {
		return sql.NullString{}, fmt.Errorf("looking for source: %w", err)
	}
	if there {
		return sql.NullString{String: name, Valid: true}, nil
	}
	data, err := compress(source)
	if err != nil {
		return sql.NullString{}, err
	}
	if _, err := t.exec(ctx, `INSERT INTO sources (sha256, data) VALUES (?, ?)`, name, data); err != nil {
		return sql.NullString{}, fmt.Errorf("storing source: %w", err)
	}
	return sql.NullString{String: name, Valid: true}, nil
}

// RunSource answers what a run was planned from; NotFound if that was not kept.
func (db *DB) RunSource(ctx context.Context, run server.RunID) ([]byte, error) {
	var data []byte
	err := db.reader.QueryRowContext(ctx, `SELECT s.data FROM runs r JOIN sources s ON s.sha256 = r.source WHERE r.id = ?`, run).Scan(&data)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, server.Errorf(server.NotFound, "there is no run %d, or what it was planned from was not kept", run)
	}
	if err != nil {
		return nil, fmt.Errorf("reading source of run: %w", err)
	}
	return decompress(data)
}

func compress(data []byte) ([]byte, error) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(data); err != nil {
		return nil, fmt.Errorf("compressing source: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("compressing source: %w", err)
	}
	return b.Bytes(), nil
}

func decompress(data []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("decompressing source: %w", err)
	}
	source, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("decompressing source: %w", err)
	}
	return source, nil
}
