package main

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tutti-ci/tutti/dsl"
	"github.com/tutti-ci/tutti/server"
)

// variablePrefix begins the names of environment variables that are values for pipelines: TUTTI_VAR_REGION is "region".
const variablePrefix = "TUTTI_VAR_"

// settingFlags are those of commands that compile here and now, and so have no project to take values from.
type settingFlags struct{ vars, varFiles, secretFiles []string }

func (f *settingFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&f.vars, "var", nil, "a variable, as NAME=VALUE; may be repeated; so does the environment, as TUTTI_VAR_NAME")
	cmd.Flags().StringArrayVar(&f.varFiles, "var-file", nil, "file with variables, a NAME=VALUE a line; may be repeated")
	cmd.Flags().StringArrayVar(&f.secretFiles, "secret-file", nil, "the same with secrets, which have no other way in")
}

// read answers the values of the flags and of the environment; see readSettings.
func (f *settingFlags) read() (*dsl.Settings, map[string]string, error) {
	return readSettings(f.vars, f.varFiles, f.secretFiles, os.Environ())
}

// readSettings gathers the values of variables, and the names and values of secrets, for all environments of jobs. A flag
// wins over a file, and that over the environment; of two flags or files the later one wins. Nothing given is nil.
//
// Names are read in lower case, as all names in pipelines are, so that a file may hold them as shells like them. An
// environment variable cannot have a hyphen in its name: TUTTI_VAR_DB_HOST stands for both db_host and db-host.
func readSettings(vars, varFiles, secretFiles, environ []string) (*dsl.Settings, map[string]string, error) {
	variables, secrets := map[string]string{}, map[string]string{}
	for _, entry := range environ {
		if name, value, ok := strings.Cut(entry, "="); ok && strings.HasPrefix(name, variablePrefix) {
			name = strings.ToLower(strings.TrimPrefix(name, variablePrefix))
			variables[name], variables[strings.ReplaceAll(name, "_", "-")] = value, value
		}
	}
	for _, file := range varFiles {
		if err := readSettingFile(file, variables, server.Setting.Validate); err != nil {
			return nil, nil, err
		}
	}
	for _, pair := range vars {
		name, value, ok := strings.Cut(pair, "=")
		if !ok {
			return nil, nil, misused("--var %q is not of the form NAME=VALUE", pair)
		}
		s := server.Setting{Name: strings.ToLower(name), Value: value}
		if err := s.Validate(); err != nil {
			return nil, nil, misused("--var: %w", err)
		}
		variables[s.Name] = value
	}
	for _, file := range secretFiles {
		if err := readSettingFile(file, secrets, server.Setting.ValidateSecret); err != nil {
			return nil, nil, err
		}
	}
	if len(variables)+len(secrets) == 0 {
		return nil, nil, nil
	}
	return &dsl.Settings{
		Variables: map[string]map[string]string{"": variables},
		Secrets:   map[string][]string{"": slices.Sorted(maps.Keys(secrets))},
	}, secrets, nil
}

// readSettingFile adds what a file says to values. Its errors name lines, and no value.
func readSettingFile(file string, values map[string]string, validate func(server.Setting) error) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return failed(fmt.Errorf("reading values: %w", err))
	}
	seen := map[string]int{}
	number := 0
	for line := range strings.Lines(strings.TrimPrefix(string(data), "\ufeff")) {
		number++
		name, value, err := parseSetting(line)
		if err == nil && name != "" {
			name = strings.ToLower(name)
			if first, again := seen[name]; again {
				err = fmt.Errorf("%q was set in line %d already", name, first)
			} else {
				err = validate(server.Setting{Name: name, Value: value})
			}
			seen[name] = number
		}
		if err != nil {
			return failed(fmt.Errorf("%s:%d: %w", file, number, err))
		}
		if name != "" {
			values[name] = value
		}
	}
	return nil
}

// parseSetting reads one line: NAME=VALUE, as it is, in single quotes as it is, or in double quotes with \n, \t, \", \\ and
// the like. An empty line, and one that begins with #, has no name.
func parseSetting(line string) (name, value string, err error) {
	line = strings.TrimSpace(line)
	if line == "" || line[0] == '#' {
		return "", "", nil
	}
	name, value, ok := strings.Cut(strings.TrimPrefix(line, "export "), "=")
	if !ok {
		return "", "", fmt.Errorf("this is not of the form NAME=VALUE")
	}
	name, value = strings.TrimSpace(name), strings.TrimSpace(value)
	if value == "" || value[0] != '\'' && value[0] != '"' {
		return name, value, nil
	}
	quote := value[:1]
	if len(value) < 2 || !strings.HasSuffix(value, quote) {
		return "", "", fmt.Errorf("the value of %q begins with %s and does not end with it", name, quote)
	}
	if quote == "'" {
		return name, value[1 : len(value)-1], nil
	}
	text, err := strconv.Unquote(value)
	if err != nil {
		return "", "", fmt.Errorf("the value of %q has a quote or a backslash that means nothing in double quotes: write \\\" and \\\\, or use single quotes", name)
	}
	return name, text, nil
}
