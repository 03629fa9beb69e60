package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/api/client"
)

// A settingKind is one of the two kinds of values that a project keeps on its server.
type settingKind struct {
	one, many string
	hidden    bool // its values are secret
	list      func(c *client.Client, ctx context.Context, project string) ([]server.Setting, error)
	set       func(c *client.Client, ctx context.Context, s server.Setting) error
	remove    func(c *client.Client, ctx context.Context, s server.Setting) error
}

func variableCommand(con console) *cobra.Command {
	kind := settingKind{"variable", "variables", false, (*client.Client).Variables, (*client.Client).SetVariable, (*client.Client).RemoveVariable}
	return kind.command(con, "Set, list and remove the variables of a project")
}

func secretCommand(con console) *cobra.Command {
	kind := settingKind{"secret", "secrets", true, (*client.Client).Secrets, (*client.Client).SetSecret, (*client.Client).RemoveSecret}
	return kind.command(con, "Set, list and remove the secrets of a project; no value ever comes back")
}

func (k settingKind) command(con console, short string) *cobra.Command {
	cmd := &cobra.Command{Use: k.one, Short: short, Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		return misused("say what to do: set, list or remove")
	}}
	cmd.AddCommand(k.setCommand(con), k.listCommand(con), k.removeCommand(con))
	return cmd
}

const environmentUsage = "only for jobs of this environment, where it wins over the value for all"

func (k settingKind) setCommand(con console) *cobra.Command {
	var flags clientFlags
	var environment, file string
	cmd := &cobra.Command{
		Use:   "set PROJECT NAME [VALUE]",
		Short: "Set a " + k.one,
		Long: `Sets a variable. Without VALUE it is read from --from-file, byte for byte, or from the standard input, less one line
break at its end. The value of a variable that is neither string, number nor bool is JSON.`,
		Args: cobra.RangeArgs(2, 3),
		RunE: func(cmd *cobra.Command, args []string) error {
			s := server.Setting{Project: args[0], Name: args[1], Environment: environment}
			var err error
			if len(args) == 3 {
				s.Value = args[2]
			} else if s.Value, err = k.readValue(con, s.Name, file); err != nil {
				return err
			}
			if err := k.set(flags.client(), cmd.Context(), s); err != nil {
				return err
			}
			return k.done(con, flags, s, "set")
		},
	}
	if k.hidden {
		cmd.Use, cmd.Args = "set PROJECT NAME", cobra.ExactArgs(2)
		cmd.Long = `Sets a secret. Its value is read from --from-file, byte for byte, or from the standard input, less one line break at its
end; at a terminal nothing is shown of it. It is no argument, since everybody on a machine can read those of others.`
	}
	flags.register(cmd)
	cmd.Flags().StringVar(&environment, "environment", "", environmentUsage)
	cmd.Flags().StringVar(&file, "from-file", "", "file that holds the value")
	return cmd
}

// readValue reads a value from a file, or from whoever is at the other end. No error holds it.
func (k settingKind) readValue(con console, name, file string) (string, error) {
	data, err := k.readBytes(con, name, file)
	if err != nil {
		return "", err
	}
	if !utf8.Valid(data) {
		return "", failed(fmt.Errorf("the value of %s %s is not UTF-8: encode it, for example with base64, and decode it where it is used", k.one, name))
	}
	return string(data), nil
}

func (k settingKind) readBytes(con console, name, file string) ([]byte, error) {
	if file != "" {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, failed(fmt.Errorf("reading the value of %s %s: %w", k.one, name, err))
		}
		return data, nil
	}
	in, ok := con.In.(*os.File)
	person := ok && term.IsTerminal(int(in.Fd()))
	if person && k.hidden {
		fmt.Fprintf(con.Err, "Value of %s %s (it is not shown): ", k.one, name)
		data, err := term.ReadPassword(int(in.Fd()))
		fmt.Fprintln(con.Err)
		if err != nil {
			return nil, fmt.Errorf("reading the value of %s %s: %w", k.one, name, err)
		}
		return data, nil
	}
	if person {
		fmt.Fprintf(con.Err, "Value of %s %s, then Ctrl-D: ", k.one, name)
	}
	data, err := io.ReadAll(io.LimitReader(con.In, server.MaxSetting+3)) // a longer one is refused by its length
	if err != nil {
		return nil, fmt.Errorf("reading the value of %s %s: %w", k.one, name, err)
	}
	text := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	return []byte(text), nil
}

func (k settingKind) listCommand(con console) *cobra.Command {
	var flags clientFlags
	cmd := &cobra.Command{
		Use:   "list PROJECT",
		Short: "List the " + k.many + " of a project",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			all, err := k.list(flags.client(), cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if flags.json {
				return printJSON(con.Out, map[string]any{k.many: orEmpty(all)})
			}
			rows := [][]string{{strings.ToUpper(k.one), "ENVIRONMENT", "VALUE"}}
			if k.hidden {
				rows[0] = rows[0][:2]
			}
			for _, s := range all {
				row := []string{s.Name, environmentOf(s)}
				if !k.hidden {
					row = append(row, oneLine(s.Value))
				}
				rows = append(rows, row)
			}
			return printTable(con.Out, rows)
		},
	}
	flags.register(cmd)
	return cmd
}

func environmentOf(s server.Setting) string {
	if s.Environment == "" {
		return "all"
	}
	return s.Environment
}

// oneLine shows a value in a table: its first line, without what would move the cursor.
func oneLine(text string) string {
	first, more, _ := strings.Cut(text, "\n")
	if more != "" {
		first += " …"
	}
	return strings.ReplaceAll(string(printable([]byte(first))), "\t", " ")
}

func (k settingKind) removeCommand(con console) *cobra.Command {
	var flags clientFlags
	var environment string
	cmd := &cobra.Command{
		Use:   "remove PROJECT NAME",
		Short: "Remove a " + k.one,
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			s := server.Setting{Project: args[0], Name: args[1], Environment: environment}
			if err := k.remove(flags.client(), cmd.Context(), s); err != nil {
				return err
			}
			return k.done(con, flags, s, "removed")
		},
	}
	flags.register(cmd)
	cmd.Flags().StringVar(&environment, "environment", "", "the value for jobs of this environment; without it, the one for all")
	return cmd
}

// done says what was done, and never the value.
func (k settingKind) done(con console, flags clientFlags, s server.Setting, what string) error {
	if flags.json {
		s.Value = ""
		return printJSON(con.Out, s)
	}
	where := "all environments"
	if s.Environment != "" {
		where = "environment " + s.Environment
	}
	fmt.Fprintf(con.Out, "%s %s of %s is %s for %s\n", k.one, s.Name, s.Project, what, where)
	return nil
}
