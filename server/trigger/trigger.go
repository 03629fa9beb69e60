// Package trigger turns events into stored runs: it notices pushes, takes wishes of people, keeps schedules, follows the ends
// of other runs, reads the pipelines at the commit, has them compiled, and stores what has to run, or why nothing does.
//
// It never runs anything, and never trusts a commit: files are read by package forge/git with limits, and compiled by a
// Compiler that can be killed. An event starts its runs exactly once: where the project's refs were when it was last looked at,
// which moment of a schedule was the last, and up to which end all were followed, is each stored in one transaction with the runs.
package trigger

import (
	"context"
	"log/slog"
	"time"

	"github.com/tutti-ci/tutti/dsl"
	"github.com/tutti-ci/tutti/server"
)

// Projects is what the trigger needs to know of projects.
type Projects interface {
	CreateProject(ctx context.Context, p server.Project) error
	Project(ctx context.Context, name string) (server.Project, error)
	Projects(ctx context.Context) ([]server.Project, error)
	SetProjectProblem(ctx context.Context, name, problem string) error
}

// Runs is where runs are stored.
type Runs interface {
	// Heads answers the refs that were dealt with; nil if the repository was never seen.
	Heads(ctx context.Context, project string) (map[string]string, error)
	// KnowHeads stores the refs of a repository that is seen first.
	KnowHeads(ctx context.Context, project string, heads map[string]string) error
	// NextRun answers the number of the next run; CreateRun and Advance say server.ErrNotNext if somebody else took it.
	NextRun(ctx context.Context) (server.RunID, error)
	CreateRun(ctx context.Context, n server.NewRun) (server.Run, error)
	// Advance stores a move with the runs that it starts; a Conflict says that somebody else did.
	Advance(ctx context.Context, move server.Move, starts []server.NewRun) ([]server.Run, error)
}

// Settings are what projects keep on the server.
type Settings interface {
	Variables(ctx context.Context, project string) ([]server.Setting, error)
	// Secrets answers them without their values.
	Secrets(ctx context.Context, project string) ([]server.Setting, error)
}

// Schedules is where it is stored what has fired.
type Schedules interface {
	// Scheduled answers the last moment of each schedule of a project that was dealt with.
	Scheduled(ctx context.Context, project string) (map[server.Schedule]time.Time, error)
	// FireSchedule stores a moment with the runs that it starts; a Conflict says that it was dealt with already.
	FireSchedule(ctx context.Context, f server.Firing, starts []server.NewRun) ([]server.Run, error)
	// KeepSchedules forgets all schedules of a project but these.
	KeepSchedules(ctx context.Context, project string, keep []server.Schedule) error
}

// Ends is where the ends of runs are found, in their order.
type Ends interface {
	// FinishedCursor answers up to where they were dealt with, and FinishedRuns those after that, and where they end.
	FinishedCursor(ctx context.Context) (int64, error)
	FinishedRuns(ctx context.Context, after int64) (runs []server.Run, last int64, err error)
	// StartAfter stores that they were dealt with, and what they start; a Conflict says that somebody else did.
	StartAfter(ctx context.Context, last int64, starts []server.NewRun) ([]server.Run, error)
}

// Store is all of these.
type Store interface {
	Projects
	Runs
	Settings
	Schedules
	Ends
}

// Mirror brings the refs of a repository here.
type Mirror interface {
	Fetch(ctx context.Context, p server.Project) error
	Heads(ctx context.Context, project string) (map[string]string, error)
	// DefaultBranch answers the repository's main branch; empty if it has none.
	DefaultBranch(ctx context.Context, project string) (string, error)
}

// Commits reads what was brought.
type Commits interface {
	// Resolve answers what a ref means: all of an Event but its Kind.
	Resolve(ctx context.Context, project, ref string) (server.Event, error)
	// Files reads the files that match; it may answer server.ErrNoFolder, and Invalid for what is no fit file.
	Files(ctx context.Context, project, commit, pattern string) ([]server.File, error)
	// ChangedFiles answers the paths that differ; nil if that is not known.
	ChangedFiles(ctx context.Context, project, from, to string) ([]string, error)
	// Tree lists the files of a commit. Contents reads some of them: what is no regular file is left out, and one that is longer
	// than the limit is cut off after one more byte.
	Tree(ctx context.Context, project, commit string) ([]server.TreeFile, error)
	Contents(ctx context.Context, project, commit string, paths []string, limit int64) (map[string][]byte, error)
}

// Forge is both.
type Forge interface {
	Mirror
	Commits
}

// A Compiler makes plans. Its error says that it could not, whatever the files say.
type Compiler interface {
	Compile(ctx context.Context, req dsl.Request) (dsl.Response, error)
}

// A Trigger starts runs. All fields must be set.
type Trigger struct {
	Store     Store
	Forge     Forge
	Libraries Libraries
	Compiler  Compiler
	Release   string // of this server, which files may ask for
	Now       func() time.Time
	Log       *slog.Logger

	projects keyedLocks // one push per project at a time
	mains    mains
	clocks   clocks
}

// fetchTimeout bounds one question to a repository. A first fetch has to bring everything.
const fetchTimeout = 2 * time.Minute

// fetch brings a project's mirror up to date.
func (t *Trigger) fetch(ctx context.Context, p server.Project) error {
	return t.ask(ctx, p, func(ctx context.Context) error { return t.Forge.Fetch(ctx, p) })
}

// mainBranch answers the main branch of a project's repository; empty if it has none.
func (t *Trigger) mainBranch(ctx context.Context, p server.Project) (branch string, err error) {
	err = t.ask(ctx, p, func(ctx context.Context) error {
		branch, err = t.Forge.DefaultBranch(ctx, p.Name)
		return err
	})
	if err == nil {
		t.mains.set(p.Name, branch, t.Now())
	}
	return branch, err
}

// ask asks a repository for something, within a limit: one that hangs must not keep the others waiting.
func (t *Trigger) ask(ctx context.Context, p server.Project, question func(context.Context) error) error {
	limited, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	err := question(limited)
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		return &server.Error{
			Kind:    server.Unavailable,
			Message: "the repository of project " + p.Name + " did not answer within " + fetchTimeout.String(),
			Err:     err,
		}
	}
	return err
}
