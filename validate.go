package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/tutti-ci/tutti/dsl"
	"github.com/tutti-ci/tutti/dsl/plan"
)

func validateCommand(con console) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "validate [PATH]",
		Short: "Find every mistake of the pipelines in a folder, before anything runs",
		Long: `Checks all pipelines in PATH/.tutti (by default of this folder) for every event that may start them, and prints
each mistake with its place. No event, variable or secret is needed.

Exit codes: 0 no mistakes, warnings aside; 1 mistakes, or no pipelines to be read; 2 wrong usage; 3 trouble of the machine.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			files, err := readPipelines(pathOf(args))
			if err != nil {
				return err
			}
			checkup := newCheckup()
			problems := checkup.check(cmd.Context(), files)
			for _, err := range checkup.failures() {
				fmt.Fprintf(con.Err, "tutti: what is used of a library is not checked: %v\n", err)
			}
			if asJSON {
				if err := printJSON(con.Out, map[string]any{"problems": orEmpty(problems)}); err != nil {
					return err
				}
			} else {
				dsl.Format(con.Err, problems, isTerminal(con.Err))
			}
			if hasErrors(problems) {
				return &exitError{Code: exitFailed}
			}
			if !asJSON {
				fmt.Fprintln(con.Out, described(files))
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the mistakes as JSON")
	return cmd
}

// described says what good pipeline files hold.
func described(files []dsl.File) string {
	config, _ := dsl.Parse(files)
	if config == nil {
		return "ok"
	}
	names := ""
	for _, p := range config.Pipelines() {
		names += " " + p.Name
	}
	return fmt.Sprintf("ok: %d %s with the %s%s", len(files), plural(len(files), "file", "files"),
		plural(len(config.Pipelines()), "pipeline", "pipelines"), names)
}

func hasErrors(problems []plan.Problem) bool {
	for _, p := range problems {
		if p.Severity == plan.Error {
			return true
		}
	}
	return false
}

func pathOf(args []string) string {
	if len(args) == 0 {
		return "."
	}
	return args[0]
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// orEmpty makes JSON say [] and not null.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func printJSON(out io.Writer, v any) error {
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("writing JSON: %w", err)
	}
	return nil
}
