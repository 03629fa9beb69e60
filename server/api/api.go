package api

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/tutti-ci/tutti/server"
)

// Projects is where projects are kept.
type Projects interface {
	CreateProject(ctx context.Context, p server.Project) error
	Project(ctx context.Context, name string) (server.Project, error)
	Projects(ctx context.Context) ([]server.Project, error)
}

// Runs is where runs are kept. Errors are of kind NotFound where there is no such run, and Conflict where a run that is
// done cannot be canceled.
type Runs interface {
	Run(ctx context.Context, id server.RunID) (server.Run, error)
	Runs(ctx context.Context, filter server.RunFilter) ([]server.Run, error)
	Changes(ctx context.Context, id server.RunID, after int64, limit int) ([]server.Change, error)
	// Cancel ends a run, less what runs after a cancellation; the second time it ends that, too.
	Cancel(ctx context.Context, id server.RunID, reason string) error
}

// Agents knows the agents.
type Agents interface {
	Agents(ctx context.Context) ([]server.Agent, error)
}

// A Starter makes runs.
type Starter interface {
	// Push looks for what is new in a project, and answers the runs that it made.
	Push(ctx context.Context, project string) ([]server.Run, error)
	// Start starts a pipeline by hand at a ref; an empty ref is the project's default branch.
	Start(ctx context.Context, project, pipeline, ref string, inputs map[string]string, actor string) (server.Run, error)
}

// Logs reads logs. A log that has no byte yet is an empty one.
type Logs interface {
	Info(id server.LogID) (server.LogInfo, error)
	// Lines answers lines from number from on, long ones cut, and how many the log has.
	Lines(id server.LogID, from int64, count int) (lines []server.LogLine, total int64, err error)
	// Place answers where in the log a line begins, and where it ends, without its line break.
	Place(id server.LogID, line int64) (start, end int64, err error)
	Search(ctx context.Context, id server.LogID, q server.LogQuery) (server.LogMatches, error)
	// Listen answers a channel that gets a value after each growth and at the end; stop ends that.
	Listen(id server.LogID) (heard <-chan struct{}, stop func())
}

// A LogReader is the bytes of a log that were there when it was opened.
type LogReader interface {
	io.ReaderAt
	io.Closer
	Size() int64
}

// API answers requests. All fields from Projects to Troubles must be set; none may change once it serves.
type API struct {
	Projects  Projects
	Settings  Settings
	Runs      Runs // as people see them; see View
	Approvals Approvals
	Agents    Agents
	Starter   Starter
	Logs      Logs
	OpenLog   func(id server.LogID) (LogReader, error)
	Bell      *server.Bell
	// NewCode makes the code of a one-use sign-in link.
	NewCode func() (code string, until time.Time)
	// BaseURL is where people reach the server, as in "http://127.0.0.1:8884".
	BaseURL string
	// Ready says why the server cannot work, if it cannot.
	Ready   func(ctx context.Context) error
	Metrics *Metrics
	// Troubles are what keeps the server from doing all of its work.
	Troubles *server.Troubles
	// Dismiss takes a trouble down that is only there to be known. It answers NotFound or Conflict for others; it is nil in a server
	// that has none such.
	Dismiss func(ctx context.Context, kind string) error
	Keeper  Keeper // nil for a server that keeps no backups
	Log     *slog.Logger
}

// An endpoint is one route and who answers it. An error becomes the answer.
type endpoint struct {
	pattern string
	handle  func(w http.ResponseWriter, r *http.Request) error
}

const activityPath = "/api/v1/runs/{id}/jobs/{job}/activities/{activity}"

// endpoints are all the routes. openapi.json describes each of them; a test compares the two.
func (a *API) endpoints() []endpoint {
	return []endpoint{
		{"GET /api/v1/projects", a.listProjects},
		{"POST /api/v1/projects", a.createProject},
		{"GET /api/v1/projects/{project}", a.getProject},
		{"POST /api/v1/projects/{project}/runs", a.startRun},
		{"POST /api/v1/projects/{project}/push", a.push},
		{"GET /api/v1/projects/{project}/variables", a.listVariables},
		{"PUT /api/v1/projects/{project}/variables/{name}", a.setVariable},
		{"DELETE /api/v1/projects/{project}/variables/{name}", a.removeVariable},
		{"GET /api/v1/projects/{project}/secrets", a.listSecrets},
		{"PUT /api/v1/projects/{project}/secrets/{name}", a.setSecret},
		{"DELETE /api/v1/projects/{project}/secrets/{name}", a.removeSecret},
		{"GET /api/v1/runs", a.listRuns},
		{"GET /api/v1/runs/{id}", a.getRun},
		{"GET /api/v1/runs/{id}/events", a.streamChanges},
		{"POST /api/v1/runs/{id}/cancel", a.cancelRun},
		{"POST /api/v1/runs/{id}/jobs/{job}/approve", a.approve},
		{"POST /api/v1/runs/{id}/jobs/{job}/reject", a.reject},
		{"GET " + activityPath + "/log", a.getLog},
		{"GET " + activityPath + "/log/lines", a.getLines},
		{"GET " + activityPath + "/log/live", a.streamLines},
		{"GET " + activityPath + "/log/search", a.searchLog},
		{"GET /api/v1/agents", a.listAgents},
		{"POST /api/v1/login-links", a.createLoginLink},
		{"GET /api/v1/troubles", a.listTroubles},
		{"POST /api/v1/troubles/{kind}/dismiss", a.dismissTrouble},
		{"POST /api/v1/backup", a.createBackup},
		{"POST /api/v1/restore", a.restoreBackup},
		{"GET /api/v1/openapi.json", a.getOpenAPI},
		{"GET /healthz", a.getHealth},
		{"GET /readyz", a.getReady},
		{"GET /metrics", a.getMetrics},
	}
}

// Handler answers all of the API's routes, and errors in JSON for every other.
func (a *API) Handler() http.Handler {
	mux := http.NewServeMux()
	for _, e := range a.endpoints() {
		mux.Handle(e.pattern, a.Metrics.count(e.pattern, func(w http.ResponseWriter, r *http.Request) {
			if err := e.handle(w, r); err != nil {
				a.fail(w, r, err)
			}
		}))
	}
	return jsonErrors(mux)
}
