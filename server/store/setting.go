package store

import (
	"context"
	"fmt"

	"github.com/tutti-ci/tutti/server"
)

// SetVariable stores the value of a variable, in place of the one that it had.
func (db *DB) SetVariable(ctx context.Context, s server.Setting) error {
	if err := s.Validate(); err != nil {
		return err
	}
	return db.set(ctx, s, `INSERT INTO variables (project, environment, name, value) VALUES (?, ?, ?, ?)
		ON CONFLICT (project, environment, name) DO UPDATE SET value = excluded.value`, s.Value)
}

// SetSecret stores the value of a secret, in place of the one that it had. No error holds the value.
func (db *DB) SetSecret(ctx context.Context, s server.Setting) error {
	if err := s.ValidateSecret(); err != nil {
		return err
	}
	return db.set(ctx, s, `INSERT INTO secrets (project, environment, name, sealed) VALUES (?, ?, ?, ?)
		ON CONFLICT (project, environment, name) DO UPDATE SET sealed = excluded.sealed`, seal(s.Value))
}

func (db *DB) set(ctx context.Context, s server.Setting, statement, value string) error {
	if _, err := db.Project(ctx, s.Project); err != nil {
		return err
	}
	return db.write(ctx, func(t *tx) error {
		if _, err := t.exec(ctx, statement, s.Project, s.Environment, s.Name, value); err != nil {
			return fmt.Errorf("storing setting: %w", err)
		}
		return nil
	})
}

// RemoveVariable forgets a variable in one environment; NotFound if there is none.
func (db *DB) RemoveVariable(ctx context.Context, project, environment, name string) error {
	return db.remove(ctx, "variable", `DELETE FROM variables WHERE project = ? AND environment = ? AND name = ?`, project, environment, name)
}

// RemoveSecret forgets a secret in one environment; NotFound if there is none.
func (db *DB) RemoveSecret(ctx context.Context, project, environment, name string) error {
	return db.remove(ctx, "secret", `DELETE FROM secrets WHERE project = ? AND environment = ? AND name = ?`, project, environment, name)
}

func (db *DB) remove(ctx context.Context, what, statement, project, environment, name string) error {
	return db.write(ctx, func(t *tx) error {
		n, err := t.exec(ctx, statement, project, environment, name)
		if err != nil {
			return fmt.Errorf("removing %s: %w", what, err)
		}
		if n > 0 {
			return nil
		}
		where := "project " + project
		if environment != "" {
			where = "environment " + environment + " of " + where
		}
		return server.Errorf(server.NotFound, "there is no %s %q in %s", what, name, where)
	})
}

// Variables answers the variables of a project with their values, by name and environment.
func (db *DB) Variables(ctx context.Context, project string) ([]server.Setting, error) {
	return db.settings(ctx, project, `SELECT project, environment, name, value FROM variables WHERE project = ? ORDER BY name, environment`)
}

// Secrets answers which secrets a project has, without their values.
func (db *DB) Secrets(ctx context.Context, project string) ([]server.Setting, error) {
	return db.settings(ctx, project, `SELECT project, environment, name, '' FROM secrets WHERE project = ? ORDER BY name, environment`)
}

func (db *DB) settings(ctx context.Context, project, query string) ([]server.Setting, error) {
	if _, err := db.Project(ctx, project); err != nil {
		return nil, err
	}
	all, err := collect(ctx, db.reader, func(row scanner) (s server.Setting, err error) {
		return s, row.Scan(&s.Project, &s.Environment, &s.Name, &s.Value)
	}, query, project)
	if err != nil {
		return nil, fmt.Errorf("reading settings: %w", err)
	}
	return all, nil
}

// SecretValues answers the values of those of the named secrets that there are, for jobs of an environment: its own value
// wins over that for all environments. It is the only way to the values.
func (db *DB) SecretValues(ctx context.Context, project, environment string, names []string) (map[string]string, error) {
	wanted := make(map[string]bool, len(names))
	for _, n := range names {
		wanted[n] = true
	}
	values := make(map[string]string, len(names))
	_, err := collect(ctx, db.reader, func(row scanner) (struct{}, error) {
		var name, sealed string
		err := row.Scan(&name, &sealed)
		if err == nil && wanted[name] {
			values[name] = unseal(sealed)
		}
		return struct{}{}, err
	}, `SELECT name, sealed FROM secrets WHERE project = ? AND environment IN ('', ?) ORDER BY environment`, project, environment)
	if err != nil {
		return nil, fmt.Errorf("reading secrets: %w", err)
	}
	return values, nil
}
