package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/tutti-ci/tutti/server"
)

// CreateProject stores a project; a Conflict if its name is taken. CreatedAt is the server's now.
func (db *DB) CreateProject(ctx context.Context, p server.Project) error {
	if err := p.Validate(); err != nil {
		return err
	}
	return db.write(ctx, func(t *tx) error {
		n, err := t.exec(ctx, `INSERT INTO projects (name, url, created_at) VALUES (?, ?, ?) ON CONFLICT (name) DO NOTHING`, p.Name, p.URL, t.now)
		if err != nil {
			return fmt.Errorf("storing project: %w", err)
		}
		if n == 0 {
			return server.Errorf(server.Conflict, "there is a project %q already", p.Name)
		}
		return nil
	})
}

const selectProjects = `SELECT name, url, created_at, problem FROM projects`

// Project answers the project of that name.
func (db *DB) Project(ctx context.Context, name string) (server.Project, error) {
	p, err := scanProject(db.reader.QueryRowContext(ctx, selectProjects+` WHERE name = ?`, name))
	if errors.Is(err, sql.ErrNoRows) {
		return server.Project{}, server.Errorf(server.NotFound, "there is no project %q", name)
	}
	if err != nil {
		return server.Project{}, fmt.Errorf("reading project: %w", err)
	}
	return p, nil
}

// Projects answers all projects by name.
func (db *DB) Projects(ctx context.Context) ([]server.Project, error) {
	all, err := collect(ctx, db.reader, scanProject, selectProjects+` ORDER BY name`)
	if err != nil {
		return nil, fmt.Errorf("reading projects: %w", err)
	}
	return all, nil
}

func scanProject(row scanner) (server.Project, error) {
	var p server.Project
	var created int64
	err := row.Scan(&p.Name, &p.URL, &created, &p.Problem)
	p.CreatedAt = timeOf(created)
	return p, err
}

// SetProjectProblem stores why the project's repository could not be read; empty once it could.
func (db *DB) SetProjectProblem(ctx context.Context, name, problem string) error {
	p, err := db.Project(ctx, name)
	if err != nil || p.Problem == problem { // the poller says the same each time; that is worth no write
		return err
	}
	return db.write(ctx, func(t *tx) error {
		if _, err := t.exec(ctx, `UPDATE projects SET problem = ? WHERE name = ?`, problem, name); err != nil {
			return fmt.Errorf("storing problem of project: %w", err)
		}
		return nil
	})
}
