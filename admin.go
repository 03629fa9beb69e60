package main

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tutti-ci/tutti/server"
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
			agents, err := flags.client().Agents(cmd.Context())
			if err != nil {
				return err
			}
			if flags.json {
				return printJSON(con.Out, map[string]any{"agents": orEmpty(agents)})
			}
			rows := [][]string{{"AGENT", "STATE", "JOBS", "LABELS", "VERSION", "PROBLEM"}}
			for _, a := range agents {
				rows = append(rows, []string{a.Name, stateOfAgent(a), jobsOfAgent(a), strings.Join(a.Labels, " "), a.Version, a.Problem})
			}
			return printTable(con.Out, rows)
		},
	}
	flags.register(cmd)
	return cmd
}

func stateOfAgent(a server.Agent) string {
	switch {
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
