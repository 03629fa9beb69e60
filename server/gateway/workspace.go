package gateway

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/tutti-ci/tutti/server"
)

// serveWorkspace sends the files of the commit that a job is about, to the agent that has the job.
func (g *Gateway) serveWorkspace(w http.ResponseWriter, r *http.Request) {
	c, err := claimIn(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	agent := server.AgentID(r.URL.Query().Get("agent"))
	held, err := g.Jobs.HeldJobs(r.Context(), agent)
	if err != nil {
		g.log().Error("a workspace cannot be sent", "run", c.Run, "job", c.Job, "error", err)
		http.Error(w, "the server cannot read its store", http.StatusInternalServerError)
		return
	}
	i := slices.IndexFunc(held, func(h server.HeldJob) bool { return h.Claim == c })
	if i < 0 {
		http.Error(w, fmt.Sprintf("the agent does not have job %q of run %d under epoch %d", c.Job, c.Run, c.Epoch), http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/x-tar")
	out := &counted{w: w}
	if err := g.Workspace(r.Context(), held[i].Project, held[i].Commit, out); err != nil {
		g.log().Error("a workspace cannot be sent", "run", c.Run, "job", c.Job, "project", held[i].Project, "error", err)
		if out.n > 0 {
			// The only way to tell the other end that what it has is not all: net/http then cuts the connection.
			panic(http.ErrAbortHandler)
		}
		w.Header().Del("Content-Type")
		http.Error(w, fmt.Sprintf("commit %s of project %s cannot be read", held[i].Commit, held[i].Project), http.StatusBadGateway)
	}
}

// counted counts what is written.
type counted struct {
	w http.ResponseWriter
	n int64
}

func (c *counted) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

func claimIn(r *http.Request) (server.Claim, error) {
	run, err := strconv.ParseInt(r.PathValue("run"), 10, 64)
	if err != nil {
		return server.Claim{}, fmt.Errorf("%q is not the number of a run", r.PathValue("run"))
	}
	epoch, err := strconv.ParseInt(r.URL.Query().Get("epoch"), 10, 64)
	if err != nil {
		return server.Claim{}, fmt.Errorf("%q is not an epoch", r.URL.Query().Get("epoch"))
	}
	return server.Claim{Run: server.RunID(run), Job: r.PathValue("job"), Epoch: epoch}, nil
}
