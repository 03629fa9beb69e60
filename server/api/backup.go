package api

import (
	"context"
	"io"
	"net/http"

	"github.com/tutti-ci/tutti/server"
)

// A Keeper makes backups of the server, and restores them.
type Keeper interface {
	// Backup writes a backup while the server works.
	Backup(ctx context.Context, w io.Writer) error
	// Restore puts a backup in the place of what the server has. It answers once the server works with it, and an error where
	// it works as before. Invalid is what is no backup, or not all of one.
	Restore(ctx context.Context, r io.Reader) (server.Restored, error)
}

// noKeeper is the answer of a server that is only there for a moment.
func (a *API) noKeeper() error {
	if a.Keeper == nil {
		return server.Errorf(server.Unavailable, "this server makes no backups")
	}
	return nil
}

// createBackup sends a backup. One that cannot be finished is cut off, and no backup for whoever reads it.
func (a *API) createBackup(w http.ResponseWriter, r *http.Request) error {
	if err := a.noKeeper(); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/x-tar")
	w.Header().Set("Content-Disposition", `attachment; filename="tutti-backup.tar"`)
	w.Header().Set("Cache-Control", "no-store")
	body := &begun{Writer: w}
	err := a.Keeper.Backup(r.Context(), body)
	if err != nil && body.yes {
		a.cut(r, err)
	}
	if err != nil {
		w.Header().Del("Content-Disposition")
	}
	return err
}

// begun says whether anything was written.
type begun struct {
	io.Writer
	yes bool
}

func (b *begun) Write(p []byte) (int, error) {
	b.yes = true
	return b.Writer.Write(p)
}

func (a *API) restoreBackup(w http.ResponseWriter, r *http.Request) error {
	if err := a.noKeeper(); err != nil {
		return err
	}
	if r.Header.Get("Authorization") == "" { // a form of another site could be sent here from a browser that is signed in
		return server.Errorf(server.Forbidden, "a restore takes the admin's token: use `tutti server restore FILE`")
	}
	restored, err := a.Keeper.Restore(r.Context(), r.Body)
	if err != nil {
		return err
	}
	return writeJSON(w, restored)
}
