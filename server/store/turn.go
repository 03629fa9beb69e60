package store

import (
	"context"
	"fmt"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

// Runs, and jobs, of one project that are in the same group take turns, in the order of the numbers of their runs. Nothing but
// the rows says whose turn it is: of runs, it is that of the first that is not done; of jobs, that of the one that is queued
// or further, and of nobody if there is none. A policy is looked at once, when the newcomer comes.

// A turn is what members of a group take.
type turn struct{ project, group string }

func replacedText(by server.RunID, group string) string {
	return fmt.Sprintf("replaced by run %d (group %s)", by, group)
}

// A rival is a run before another one in its group.
type rival struct {
	id    server.RunID
	state plan.State
}

// takeTurn decides whether a new run has to wait, and does to those before it what its policy says.
func (t *tx) takeTurn(ctx context.Context, r *server.Run) error {
	c := turnOf(r.Concurrency)
	if c.Group == "" {
		return nil
	}
	before, err := collect(ctx, t.sql, func(row scanner) (v rival, err error) {
		return v, row.Scan(&v.id, &v.state)
	}, `SELECT id, state FROM runs WHERE project = ? AND turn_group = ? AND turn_group <> '' AND state <> 'done' ORDER BY id`, r.Project, c.Group)
	if err != nil {
		return fmt.Errorf("reading group %q of runs: %w", c.Group, err)
	}
	if len(before) == 0 {
		return nil
	}
	r.State, r.WaitsFor = plan.Waiting, turnText(fmt.Sprintf("run %d", before[0].id), c.Group, len(before)-1, "run")
	for _, b := range before {
		if c.Policy == plan.PolicyCancelRunning || c.Policy == plan.PolicyCancelWaiting && b.state == plan.Waiting {
			if err := t.cancelRun(ctx, b.id, replacedText(r.ID, c.Group), soft); err != nil {
				return err
			}
		}
	}
	return nil
}

// passRunTurn lets the next run of a group begin, if it waits.
func (t *tx) passRunTurn(ctx context.Context, next turn) error {
	line, err := collect(ctx, t.sql, func(row scanner) (v rival, err error) {
		return v, row.Scan(&v.id, &v.state)
	}, `SELECT id, state FROM runs WHERE project = ? AND turn_group = ? AND turn_group <> '' AND state <> 'done' ORDER BY id`, next.project, next.group)
	if err != nil {
		return fmt.Errorf("reading group %q of runs: %w", next.group, err)
	}
	for i, r := range line {
		t.told(r.id) // for what it waits is another one, or one less
		if i > 0 || r.state != plan.Waiting {
			continue
		}
		if _, err := t.exec(ctx, `UPDATE runs SET state = 'queued' WHERE id = ? AND state = 'waiting'`, r.id); err != nil {
			return fmt.Errorf("letting run begin: %w", err)
		}
		t.changed(server.Change{Run: r.id, State: plan.Queued})
		t.disturb(r.id)
	}
	return nil
}

// A member is a job of a group that has its turn, or waits for it.
type member struct {
	server.JobRef
	phase  phase
	policy plan.Policy
}

func members(ctx context.Context, q querier, of turn) ([]member, error) {
	all, err := collect(ctx, q, func(row scanner) (m member, err error) {
		return m, row.Scan(&m.Run, &m.Job, &m.phase, &m.policy)
	}, `SELECT j.run, j.name, j.phase, j.turn_policy FROM jobs j JOIN runs r ON r.id = j.run
		WHERE r.project = ? AND j.turn_group = ? AND j.turn_group <> '' AND j.phase IN ('lined', 'queued', 'offered', 'running', 'concluding')
		ORDER BY j.run, j.position, j.part`, of.project, of.group)
	if err != nil {
		return nil, fmt.Errorf("reading group %q of jobs: %w", of.group, err)
	}
	return all, nil
}

// replaces says whether a job cancels another one of its group. It never does so to jobs of its own run, or of a later one.
func (m member) replaces(other member) bool {
	return m.Run > other.Run &&
		(m.policy == plan.PolicyCancelRunning || m.policy == plan.PolicyCancelWaiting && other.phase == lined)
}

// lineUp queues a job whose needs are met for an agent, or lets it wait for its turn in its group. It ends the job if a later
// run is in the group that would have canceled it.
func (t *tx) lineUp(ctx context.Context, g *graph, n *node) (ended bool, err error) {
	c := turnOf(n.Concurrency)
	if c.Group == "" {
		n.phase = queued
		return false, t.queue(ctx, g.ref(n))
	}
	own := turn{g.project, c.Group}
	others, err := members(ctx, t.sql, own)
	if err != nil {
		return false, err
	}
	me := member{g.ref(n), lined, c.Policy}
	for _, m := range others {
		if m.replaces(me) {
			return true, t.endUnstarted(ctx, g.ref(n), plan.Canceled, replacedText(m.Run, c.Group))
		}
		if me.replaces(m) {
			if err := t.replace(ctx, m, replacedText(g.run, c.Group)); err != nil {
				return false, err
			}
		}
	}
	n.phase = lined
	t.jobTurns = append(t.jobTurns, own)
	if err := t.toPhase(ctx, g.ref(n), lined, ""); err != nil {
		return false, err
	}
	all, err := members(ctx, t.sql, own)
	if err != nil {
		return false, err
	}
	t.changed(server.Change{Run: g.run, Job: n.Name, State: plan.Waiting, WaitsFor: membersText(g.ref(n), all, c.Group)})
	return false, nil
}

// replace cancels a job in favour of a newer one of its group.
func (t *tx) replace(ctx context.Context, m member, reason string) error {
	switch m.phase {
	case concluding:
		return nil // it has ended
	case running:
		return t.askToEnd(ctx, m.JobRef, reason, soft)
	}
	t.disturb(m.Run, m.Job)
	return t.endUnstarted(ctx, m.JobRef, plan.Canceled, reason)
}

// passJobTurn queues the next job of a group, if no other one has the turn.
func (t *tx) passJobTurn(ctx context.Context, next turn) error {
	line, err := members(ctx, t.sql, next)
	if err != nil {
		return err
	}
	for _, m := range line {
		t.told(m.Run)
		if m.phase != lined {
			return nil
		}
	}
	if len(line) == 0 {
		return nil
	}
	return t.queue(ctx, line[0].JobRef)
}

// membersText says what a job waits for in its group, given all that are in it.
func membersText(job server.JobRef, line []member, group string) string {
	var holder *member
	before, passed := 0, false
	for i, m := range line {
		switch {
		case m.phase != lined:
			holder = &line[i]
		case m.JobRef == job:
			passed = true
		case !passed:
			before++
		}
	}
	if holder == nil && before > 0 {
		holder, before = &line[0], before-1
	}
	if holder == nil { // it is about to be queued
		return "its turn (group " + group + ")"
	}
	who := fmt.Sprintf("run %d", holder.Run)
	if holder.Run == job.Run {
		who = "job " + holder.Job
	}
	return turnText(who, group, before, "job")
}

// turnText says who has the turn that something waits for, and how many more are before it.
func turnText(who, group string, before int, kind string) string {
	text := fmt.Sprintf("%s (group %s)", who, group)
	switch before {
	case 0:
		return text
	case 1:
		return text + "; 1 " + kind + " is before it"
	}
	return fmt.Sprintf("%s; %d %ss are before it", text, before, kind)
}

// runTurnText says what a run waits for that waits for its turn.
func runTurnText(ctx context.Context, q querier, r server.Run) (string, error) {
	var first server.RunID
	var before int
	err := q.QueryRowContext(ctx, `SELECT COALESCE(MIN(id), 0), COUNT(*) FROM runs WHERE project = ? AND turn_group = ? AND turn_group <> '' AND state <> 'done' AND id < ?`,
		r.Project, r.Concurrency.Group, r.ID).Scan(&first, &before)
	if err != nil {
		return "", fmt.Errorf("reading group %q of runs: %w", r.Concurrency.Group, err)
	}
	return turnText(fmt.Sprintf("run %d", first), r.Concurrency.Group, before-1, "run"), nil
}
