package store

import (
	"context"
	"fmt"

	"github.com/tutti-ci/tutti/server"
)

// UpsertAgent stores an agent that was welcomed: who it is and what it can do now. It counts its sessions and answers the
// number of this one.
func (db *DB) UpsertAgent(ctx context.Context, a server.Agent) (session int64, err error) {
	labels, err := asJSON(a.Labels)
	if err != nil {
		return 0, err
	}
	err = db.write(ctx, func(t *tx) error {
		err := t.sql.QueryRowContext(ctx, `INSERT INTO agents (id, name, version, os, arch, labels, capacity, online, problem, session, last_seen_at)
			VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?, 1, ?)
			ON CONFLICT (id) DO UPDATE SET name = excluded.name, version = excluded.version, os = excluded.os, arch = excluded.arch,
				labels = excluded.labels, capacity = excluded.capacity, online = 1, problem = excluded.problem,
				session = agents.session + 1, last_seen_at = excluded.last_seen_at
			RETURNING session`, a.ID, a.Name, a.Version, a.OS, a.Arch, labels, a.Capacity, a.Problem, t.now).Scan(&session)
		if err != nil {
			return fmt.Errorf("storing agent: %w", err)
		}
		return nil
	})
	return session, err
}

// AgentStatus stores what an agent can do from now on. It answers a Conflict for a session that was replaced by a newer one.
func (db *DB) AgentStatus(ctx context.Context, id server.AgentID, session int64, s server.AgentStatus) error {
	labels, err := asJSON(s.Labels)
	if err != nil {
		return err
	}
	return db.write(ctx, func(t *tx) error {
		n, err := t.exec(ctx, `UPDATE agents SET labels = ?, capacity = ?, problem = ?, last_seen_at = ? WHERE id = ? AND session = ?`,
			labels, s.Capacity, s.Problem, t.now, id, session)
		if err != nil {
			return fmt.Errorf("storing status of agent: %w", err)
		}
		if n == 0 {
			return server.Errorf(server.Conflict, "session %d of agent %s was replaced by a newer one", session, id)
		}
		return nil
	})
}

// AgentOffline stores that a session ended. A newer session of the same agent stays as it is.
func (db *DB) AgentOffline(ctx context.Context, id server.AgentID, session int64) error {
	return db.write(ctx, func(t *tx) error {
		_, err := t.exec(ctx, `UPDATE agents SET online = 0, last_seen_at = ? WHERE id = ? AND session = ? AND online = 1`, t.now, id, session)
		if err != nil {
			return fmt.Errorf("storing that agent is offline: %w", err)
		}
		return nil
	})
}

// RefuseAgent stores an agent that was not welcomed, and in its Problem why. One that is connected stays as it is.
func (db *DB) RefuseAgent(ctx context.Context, a server.Agent) error {
	return db.write(ctx, func(t *tx) error {
		_, err := t.exec(ctx, `INSERT INTO agents (id, name, version, os, arch, labels, capacity, online, problem, session, last_seen_at)
			VALUES (?, ?, ?, ?, ?, 'null', 0, 0, ?, 0, ?)
			ON CONFLICT (id) DO UPDATE SET name = excluded.name, version = excluded.version, os = excluded.os, arch = excluded.arch,
				problem = excluded.problem, last_seen_at = excluded.last_seen_at
			WHERE agents.online = 0`, a.ID, a.Name, a.Version, a.OS, a.Arch, a.Problem, t.now)
		if err != nil {
			return fmt.Errorf("storing refused agent: %w", err)
		}
		return nil
	})
}

// NoteAgent stores what an admin should know of an agent, whether it works or not; empty for nothing.
func (db *DB) NoteAgent(ctx context.Context, id server.AgentID, note string) error {
	return db.write(ctx, func(t *tx) error {
		if _, err := t.exec(ctx, `UPDATE agents SET note = ? WHERE id = ? AND note <> ?`, note, id, note); err != nil {
			return fmt.Errorf("storing note of agent: %w", err)
		}
		return nil
	})
}

// disconnectAgents stores that nobody is connected, which is so when a server starts.
func (db *DB) disconnectAgents(ctx context.Context) error {
	return db.write(ctx, func(t *tx) error {
		if _, err := t.exec(ctx, `UPDATE agents SET online = 0, note = '' WHERE online = 1 OR note <> ''`); err != nil {
			return fmt.Errorf("storing that agents are offline: %w", err)
		}
		return nil
	})
}

// Agents answers all agents that were ever connected, by name, with the jobs that they have.
func (db *DB) Agents(ctx context.Context) ([]server.Agent, error) {
	agents, err := collect(ctx, db.reader, scanAgent, `SELECT id, name, version, os, arch, labels, capacity, online, problem, note, session, last_seen_at
		FROM agents ORDER BY name, id`)
	if err != nil {
		return nil, fmt.Errorf("reading agents: %w", err)
	}
	held, err := db.AllHeldJobs(ctx)
	if err != nil {
		return nil, err
	}
	jobs := make(map[server.AgentID][]server.JobRef)
	for _, h := range held {
		jobs[h.Agent] = append(jobs[h.Agent], h.Ref())
	}
	for i := range agents {
		agents[i].Jobs = jobs[agents[i].ID]
	}
	return agents, nil
}

func scanAgent(row scanner) (server.Agent, error) {
	var a server.Agent
	var labels string
	var seen int64
	err := row.Scan(&a.ID, &a.Name, &a.Version, &a.OS, &a.Arch, &labels, &a.Capacity, &a.Online, &a.Problem, &a.Note, &a.Session, &seen)
	if err != nil {
		return a, err
	}
	a.LastSeenAt = timeOf(seen)
	return a, fromJSON(labels, &a.Labels)
}
