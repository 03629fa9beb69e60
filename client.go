package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/api/client"
)

// clientFlags are those of every command that talks to a server.
type clientFlags struct {
	server, token string
	json          bool
}

func (f *clientFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.server, "server", "http://"+defaultListen, "URL of the server (TUTTI_SERVER)")
	cmd.Flags().StringVar(&f.token, "token", "", "access token; rather set TUTTI_TOKEN, which no process list shows")
	cmd.Flags().BoolVar(&f.json, "json", false, "print JSON")
	cmd.PreRunE = func(*cobra.Command, []string) error { return f.check() }
}

// check refuses what is no URL of a server.
func (f *clientFlags) check() error {
	if u, err := url.Parse(f.server); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return misused("--server %q (or TUTTI_SERVER) is no URL of a server such as http://%s", f.server, defaultListen)
	}
	return nil
}

// client makes the client. On the server's own host its admin needs no token: the data folder has it.
func (f *clientFlags) client() *client.Client {
	token := f.token
	if token == "" {
		if data, err := os.ReadFile(filepath.Join(defaultDataDir(), "admin.token")); err == nil {
			token = strings.TrimSpace(string(data))
		}
	}
	return &client.Client{Server: f.server, Token: token}
}

// codeOf is the exit code of an error that carries none itself.
func codeOf(err error) int {
	switch {
	case errors.Is(err, context.Canceled):
		return exitFailed
	case server.KindOf(err) != server.Internal && server.KindOf(err) != server.Unavailable:
		return exitFailed
	}
	return exitInfrastructure
}

// codeOfRun is the exit code that tells a run's end.
func codeOfRun(run server.Run) int {
	switch run.Result {
	case plan.Passed, plan.Warned, plan.Skipped:
		return exitOK
	case plan.Lost:
		return exitInfrastructure
	}
	return exitFailed
}

// printTable prints rows in columns; the first one is the heading.
func printTable(out io.Writer, rows [][]string) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(w, strings.TrimRight(strings.Join(row, "\t"), "\t "))
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("printing: %w", err)
	}
	return nil
}

// pageOf is the address of a run's page.
func pageOf(base string, id server.RunID) string {
	return strings.TrimSuffix(base, "/") + "/runs/" + strconv.FormatInt(int64(id), 10)
}
