package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/api/client"
)

func projectsCommand(con console) *cobra.Command {
	var flags clientFlags
	cmd := &cobra.Command{
		Use:   "projects",
		Short: "List the projects of a server, or add one",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			projects, err := flags.client().Projects(cmd.Context())
			if err != nil {
				return err
			}
			if flags.json {
				return printJSON(con.Out, map[string]any{"projects": orEmpty(projects)})
			}
			rows := [][]string{{"PROJECT", "URL", "PROBLEM"}}
			for _, p := range projects {
				rows = append(rows, []string{p.Name, p.URL, p.Problem})
			}
			return printTable(con.Out, rows)
		},
	}
	flags.register(cmd)
	cmd.AddCommand(projectsAddCommand(con))
	return cmd
}

func projectsAddCommand(con console) *cobra.Command {
	var flags clientFlags
	cmd := &cobra.Command{
		Use:   "add NAME URL",
		Short: "Register a repository: a URL that git clones, or a path on the server's host",
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			url := args[1]
			if strings.HasPrefix(url, "./") || strings.HasPrefix(url, "../") || url == "." {
				path, err := filepath.Abs(url)
				if err != nil {
					return fmt.Errorf("resolving %s: %w", url, err)
				}
				url = path
			}
			project, err := flags.client().AddProject(cmd.Context(), args[0], url)
			if err != nil {
				return err
			}
			if flags.json {
				return printJSON(con.Out, project)
			}
			fmt.Fprintf(con.Out, "project %s: %s\n", project.Name, project.URL)
			return nil
		},
	}
	flags.register(cmd)
	return cmd
}

func agentsCommand(con console) *cobra.Command {
	var flags clientFlags
	cmd := &cobra.Command{
		Use:   "agents",
		Short: "List the agents of a server, what they do, and why one cannot work",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c := flags.client()
			agents, err := c.Agents(cmd.Context())
			if err != nil {
				return err
			}
			printTroubles(cmd.Context(), con, c)
			if flags.json {
				return printJSON(con.Out, map[string]any{"agents": orEmpty(agents)})
			}
			rows := [][]string{{"AGENT", "STATE", "JOBS", "LABELS", "VERSION", "PROBLEM"}}
			for _, a := range agents {
				rows = append(rows, []string{a.Name, stateOfAgent(a), jobsOfAgent(a), strings.Join(a.Labels, " "), a.Version, problemOf(a)})
			}
			return printTable(con.Out, rows)
		},
	}
	flags.register(cmd)
	return cmd
}

// printTroubles says beside what was asked for what is wrong with the server. That this cannot be found out is no trouble of the
// command's.
func printTroubles(ctx context.Context, con console, c *client.Client) {
	troubles, err := c.Troubles(ctx)
	if err != nil {
		return
	}
	for _, t := range troubles {
		halts := ""
		if t.Halts {
			halts = ", no new job starts"
		}
		fmt.Fprintf(con.Err, "tutti: trouble (%s%s) since %s: %s\n", t.Kind, halts, t.Since.Local().Format(time.DateTime), t.Text)
	}
}

// problemOf is what an admin should know of an agent.
func problemOf(a server.Agent) string {
	var parts []string
	if a.Suspect {
		parts = append(parts, "not heard of for "+time.Duration(a.HeardAgo).String())
	}
	for _, text := range []string{a.Problem, a.Note} {
		if text != "" {
			parts = append(parts, text)
		}
	}
	return strings.Join(parts, "; ")
}

func stateOfAgent(a server.Agent) string {
	switch {
	case a.Suspect:
		return "silent"
	case !a.Online:
		return "offline"
	case a.Problem != "":
		return "unable"
	}
	return "online"
}

func jobsOfAgent(a server.Agent) string {
	text := fmt.Sprintf("%d/%d", len(a.Jobs), a.Capacity)
	for _, j := range a.Jobs {
		text += " " + strconv.FormatInt(int64(j.Run), 10) + ":" + j.Job
	}
	return text
}

func loginLinkCommand(con console) *cobra.Command {
	var flags clientFlags
	cmd := &cobra.Command{
		Use:   "login-link",
		Short: "Make a link that signs one person in, once",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			link, err := flags.client().LoginLink(cmd.Context())
			if err != nil {
				return err
			}
			if flags.json {
				return printJSON(con.Out, map[string]string{"url": link})
			}
			fmt.Fprintln(con.Out, link)
			return nil
		},
	}
	flags.register(cmd)
	return cmd
}
