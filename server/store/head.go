package store

import (
	"context"
	"fmt"

	"github.com/tutti-ci/tutti/server"
)

// Heads answers the commit of each ref of the project that has been dealt with. The map is nil as long as nobody has said
// KnowHeads, and empty for a repository that had no ref then.
func (db *DB) Heads(ctx context.Context, project string) (map[string]string, error) {
	var known bool
	rows, err := collect(ctx, db.reader, func(row scanner) (h [2]string, err error) {
		return h, row.Scan(&known, &h[0], &h[1])
	}, `SELECT p.heads_known, COALESCE(h.ref, ''), COALESCE(h.commit_hash, '')
		FROM projects p LEFT JOIN heads h ON h.project = p.name WHERE p.name = ?`, project)
	if err != nil {
		return nil, fmt.Errorf("reading heads: %w", err)
	}
	if len(rows) == 0 {
		return nil, server.Errorf(server.NotFound, "there is no project %q", project)
	}
	if !known {
		return nil, nil
	}
	heads := make(map[string]string, len(rows))
	for _, h := range rows {
		if h[0] != "" {
			heads[h[0]] = h[1]
		}
	}
	return heads, nil
}

// KnowHeads stores the refs that a repository has when it is met first: none of them starts a run. Later calls change nothing.
func (db *DB) KnowHeads(ctx context.Context, project string, heads map[string]string) error {
	return db.write(ctx, func(t *tx) error {
		n, err := t.exec(ctx, `UPDATE projects SET heads_known = 1 WHERE name = ? AND heads_known = 0`, project)
		if err != nil {
			return fmt.Errorf("storing heads: %w", err)
		}
		if n == 0 {
			return nil
		}
		for ref, commit := range heads {
			if err := t.setHead(ctx, project, ref, commit); err != nil {
				return err
			}
		}
		return nil
	})
}

// setHead stores the commit of a ref, wherever it was before.
func (t *tx) setHead(ctx context.Context, project, ref, commit string) error {
	_, err := t.exec(ctx, `INSERT INTO heads (project, ref, commit_hash) VALUES (?, ?, ?)
		ON CONFLICT (project, ref) DO UPDATE SET commit_hash = excluded.commit_hash`, project, ref, commit)
	if err != nil {
		return fmt.Errorf("storing head: %w", err)
	}
	return nil
}

// Advance stores that a ref moved, together with the runs that this starts: both or neither, so that a crash in between
// repeats the event and never loses or doubles it. It answers a Conflict if the ref is not where the move starts: somebody
// else has dealt with it.
func (db *DB) Advance(ctx context.Context, move server.Move, starts []server.NewRun) ([]server.Run, error) {
	return db.start(ctx, starts, func(t *tx) error { return t.moveHead(ctx, move) })
}

func (t *tx) moveHead(ctx context.Context, m server.Move) error {
	var n int64
	var err error
	switch {
	case m.To == "":
		n, err = t.exec(ctx, `DELETE FROM heads WHERE project = ? AND ref = ? AND commit_hash = ?`, m.Project, m.Ref, m.From)
	case m.From == "":
		n, err = t.exec(ctx, `INSERT INTO heads (project, ref, commit_hash) VALUES (?, ?, ?) ON CONFLICT (project, ref) DO NOTHING`, m.Project, m.Ref, m.To)
	default:
		n, err = t.exec(ctx, `UPDATE heads SET commit_hash = ? WHERE project = ? AND ref = ? AND commit_hash = ?`, m.To, m.Project, m.Ref, m.From)
	}
	if err != nil {
		return fmt.Errorf("moving head: %w", err)
	}
	if n == 0 {
		return server.Errorf(server.Conflict, "%s of project %q is not at %q any more", m.Ref, m.Project, m.From)
	}
	return nil
}
