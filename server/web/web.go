package web

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/tutti-ci/tutti/server"
)

// Runs is where runs are kept, as people see them now.
type Runs interface {
	Run(ctx context.Context, id server.RunID) (server.Run, error)
	Runs(ctx context.Context, filter server.RunFilter) ([]server.Run, error)
	Cancel(ctx context.Context, id server.RunID, reason string) error
}

// Projects knows the projects.
type Projects interface {
	Projects(ctx context.Context) ([]server.Project, error)
}

// Agents knows the agents.
type Agents interface {
	Agents(ctx context.Context) ([]server.Agent, error)
}

// Logs reads logs. A log that has no byte yet is an empty one.
type Logs interface {
	Info(id server.LogID) (server.LogInfo, error)
	Lines(id server.LogID, from int64, count int) (lines []server.LogLine, total int64, err error)
}

// A Door signs browsers in and out.
type Door interface {
	// SignIn uses up a one-use code. It answers Unauthorized if the code is no good.
	SignIn(w http.ResponseWriter, r *http.Request, code string) error
	SignOut(w http.ResponseWriter, r *http.Request) error
}

// Config is what the pages need. All of it must be set.
type Config struct {
	Runs     Runs
	Projects Projects
	Agents   Agents
	Logs     Logs
	Bell     *server.Bell
	Door     Door
	// Troubles are what keeps the server from doing all of its work; Dismiss takes down one that is only there to be known.
	Troubles *server.Troubles
	Dismiss  func(ctx context.Context, kind string) error
	// Status answers the HTTP status that says what an error means.
	Status  func(err error) int
	Now     func() time.Time
	Version string // of tutti
	Log     *slog.Logger
}

// A Site serves the pages.
type Site struct {
	Config
	assets *assets
	pages  map[string]*page
}

// New reads the embedded templates and files. An error is a mistake in them.
func New(c Config) (*Site, error) {
	a, err := openAssets()
	if err != nil {
		return nil, err
	}
	s := &Site{Config: c, assets: a}
	if s.pages, err = parsePages(s); err != nil {
		return nil, err
	}
	return s, nil
}

// Handler answers the pages' routes, and a page that says so for every other.
func (s *Site) Handler() http.Handler {
	mux := http.NewServeMux()
	for pattern, show := range map[string]func(http.ResponseWriter, *http.Request) error{
		"GET /{$}":               s.showRuns,
		"GET /runs/{id}":         s.showRun,
		"POST /runs/{id}/cancel": s.cancelRun,
		"GET /runs/{id}/jobs/{job}/activities/{activity}": s.showLog,
		"GET /agents":                   s.showAgents,
		"GET /login":                    s.showLogin,
		"POST /login":                   s.signIn,
		"POST /logout":                  s.signOut,
		"GET /live":                     s.streamNews,
		"GET /troubles":                 s.showTroubles,
		"POST /troubles/{kind}/dismiss": s.dismissTrouble,
		"GET /":                         s.showNothing,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if err := show(w, r); err != nil {
				s.showError(w, r, err)
			}
		})
	}
	mux.Handle("GET /static/", s.assets)
	return mux
}

func (s *Site) showNothing(_ http.ResponseWriter, r *http.Request) error {
	return server.Errorf(server.NotFound, "there is no page %s", r.URL.Path)
}
