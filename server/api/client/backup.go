package client

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/tutti-ci/tutti/server"
)

// Backup copies a backup of the server to w. Whoever keeps it makes sure that it is whole.
func (c *Client) Backup(ctx context.Context, w io.Writer) error {
	resp, err := c.do(ctx, http.MethodPost, "/api/v1/backup", nil, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(w, resp.Body); err != nil {
		return fmt.Errorf("receiving the backup: %w", err)
	}
	return nil
}

// Restore sends a backup, and answers once the server works with it.
func (c *Client) Restore(ctx context.Context, backup io.Reader) (server.Restored, error) {
	var out server.Restored
	resp, err := c.do(ctx, http.MethodPost, "/api/v1/restore", backup, http.Header{"Content-Type": {"application/x-tar"}})
	if err != nil {
		return out, err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
		return out, fmt.Errorf("reading the answer to the restore: %w", err)
	}
	return out, nil
}

// Troubles lists what keeps the server from doing all of its work.
func (c *Client) Troubles(ctx context.Context) ([]server.Trouble, error) {
	var out struct {
		Troubles []server.Trouble `json:"troubles"`
	}
	err := c.call(ctx, http.MethodGet, "/api/v1/troubles", nil, &out)
	return out.Troubles, err
}
