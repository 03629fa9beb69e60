package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/tutti-ci/tutti/server"
)

// Known answers all that the compiler has to know of a node and of what it needs, sensitive outputs included.
func (db *DB) Known(ctx context.Context, ref server.JobRef) (server.Known, error) {
	var k server.Known
	err := db.read(ctx, func(q *sql.Tx) (err error) {
		k, err = known(ctx, q, ref)
		return err
	})
	if errors.Is(err, sql.ErrNoRows) {
		return server.Known{}, server.Errorf(server.NotFound, "there is no job %q in run %d", ref.Job, ref.Run)
	}
	if err != nil {
		return server.Known{}, fmt.Errorf("reading what is known of job %q of run %d: %w", ref.Job, ref.Run, err)
	}
	return k, nil
}

func known(ctx context.Context, q *sql.Tx, ref server.JobRef) (k server.Known, err error) {
	var body string
	err = q.QueryRowContext(ctx, `SELECT r.project, r.pipeline, j.plan FROM jobs j JOIN runs r ON r.id = j.run WHERE j.run = ? AND j.name = ?`,
		ref.Run, ref.Job).Scan(&k.Project, &k.Pipeline, &body)
	if err != nil {
		return k, err
	}
	row, err := scanSecretJob(q.QueryRowContext(ctx, selectJobs+` WHERE j.run = ? AND j.name = ?`, ref.Run, ref.Job))
	if err != nil {
		return k, err
	}
	k.Job, k.Result = row.Job, row.ended
	if err := fromJSON(body, &k.Plan); err != nil {
		return k, err
	}
	k.Job.Activities, err = secretActivities(ctx, q, ref)
	if err != nil {
		return k, err
	}
	k.Needs, err = secretNeeds(ctx, q, ref.Run, k.Job)
	return k, err
}

// secretActivities answers the activities of a job with their sensitive outputs.
func secretActivities(ctx context.Context, q querier, ref server.JobRef) ([]server.Activity, error) {
	return collect(ctx, q, func(row scanner) (server.Activity, error) {
		a, err := scanActivity(row)
		if err != nil {
			return a.Activity, err
		}
		a.Outputs, err = readOutputs(a.outputs, a.sealed, true)
		return a.Activity, err
	}, selectActivities+` WHERE run = ? AND job = ? ORDER BY position`, ref.Run, ref.Job)
}

// secretNeeds answers the nodes that a node needs, each with its instances after it.
func secretNeeds(ctx context.Context, q querier, run server.RunID, j server.Job) ([]server.Job, error) {
	needs := j.Needs
	if j.Of != "" {
		matrix, err := scanJob(q.QueryRowContext(ctx, selectJobs+` WHERE j.run = ? AND j.name = ?`, run, j.Of))
		if err != nil {
			return nil, err
		}
		needs = matrix.Needs
	}
	var all []server.Job
	for _, need := range needs {
		for _, which := range []string{`j.name = ?`, `j.matrix_of = ? AND j.matrix_of <> ''`} {
			rows, err := collect(ctx, q, scanSecretJob, selectJobs+` WHERE j.run = ? AND `+which+` ORDER BY j.part`, run, need)
			if err != nil {
				return nil, err
			}
			for _, r := range rows {
				all = append(all, r.Job)
			}
		}
	}
	return all, nil
}
