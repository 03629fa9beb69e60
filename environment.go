package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"
)

// flagsFromEnvironment gives every flag that is not on the command line the value of its variable: --token-file is
// TUTTI_TOKEN_FILE. A command line wins over the environment. Flags of variables are left out: TUTTI_VAR_FILE is the value
// of a variable "file"; see readSettings.
func flagsFromEnvironment(flags *pflag.FlagSet) error {
	var failure error
	flags.VisitAll(func(f *pflag.Flag) {
		name := variableOf(f.Name)
		value, ok := os.LookupEnv(name)
		if f.Changed || !ok || failure != nil || f.Name == "help" || f.Name == "version" || strings.HasPrefix(name+"_", variablePrefix) {
			return
		}
		if err := flags.Set(f.Name, value); err != nil {
			failure = fmt.Errorf("reading %s from the environment: %w", name, err)
		}
	})
	return failure
}

// variableOf is the variable of a flag.
func variableOf(flag string) string {
	return "TUTTI_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// defaultDataDir is where a server keeps its data when nobody says otherwise.
func defaultDataDir() string {
	if os.Geteuid() == 0 {
		return "/var/lib/tutti"
	}
	if dir := os.Getenv("XDG_DATA_HOME"); dir != "" {
		return filepath.Join(dir, "tutti")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "tutti-data"
	}
	return filepath.Join(home, ".local", "share", "tutti")
}
