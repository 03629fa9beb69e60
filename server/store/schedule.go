package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tutti-ci/tutti/server"
)

// Scheduled answers the last moment of each schedule of a project that was dealt with.
func (db *DB) Scheduled(ctx context.Context, project string) (map[server.Schedule]time.Time, error) {
	last := make(map[server.Schedule]time.Time)
	_, err := collect(ctx, db.reader, func(row scanner) (struct{}, error) {
		var s server.Schedule
		var at int64
		err := row.Scan(&s.Pipeline, &s.Cron, &s.Timezone, &at)
		last[s] = timeOf(at)
		return struct{}{}, err
	}, `SELECT pipeline, cron, timezone, at FROM firings WHERE project = ?`, project)
	if err != nil {
		return nil, fmt.Errorf("reading schedules: %w", err)
	}
	return last, nil
}

// FireSchedule stores a moment of a schedule together with the runs that it starts: both or neither. It answers a Conflict
// if the schedule has had that moment already, or a later one. Without runs it says from when on a schedule that is seen first counts.
func (db *DB) FireSchedule(ctx context.Context, f server.Firing, starts []server.NewRun) ([]server.Run, error) {
	return db.start(ctx, starts, func(t *tx) error {
		n, err := t.exec(ctx, `INSERT INTO firings (project, pipeline, cron, timezone, at) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (project, pipeline, cron, timezone) DO UPDATE SET at = excluded.at WHERE firings.at < excluded.at`,
			f.Project, f.Pipeline, f.Cron, f.Timezone, micros(f.At))
		if err != nil {
			return fmt.Errorf("storing firing of schedule: %w", err)
		}
		if n == 0 {
			return server.Errorf(server.Conflict, "schedule %q of pipeline %q has fired for %s already", f.Cron, f.Pipeline, f.At.UTC().Format(time.RFC3339))
		}
		return nil
	})
}

// KeepSchedules forgets all schedules of a project but these: one that comes back later is new, and has missed nothing.
func (db *DB) KeepSchedules(ctx context.Context, project string, keep []server.Schedule) error {
	last, err := db.Scheduled(ctx, project)
	if err != nil {
		return err
	}
	var gone []server.Schedule
	for s := range last {
		if !slices.Contains(keep, s) {
			gone = append(gone, s)
		}
	}
	if len(gone) == 0 {
		return nil
	}
	return db.write(ctx, func(t *tx) error {
		var errs []error
		for _, s := range gone {
			_, err := t.exec(ctx, `DELETE FROM firings WHERE project = ? AND pipeline = ? AND cron = ? AND timezone = ?`, project, s.Pipeline, s.Cron, s.Timezone)
			errs = append(errs, err)
		}
		if err := errors.Join(errs...); err != nil {
			return fmt.Errorf("forgetting schedules: %w", err)
		}
		return nil
	})
}
