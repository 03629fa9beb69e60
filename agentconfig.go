package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/dsl"
	"github.com/tutti-ci/tutti/dsl/plan"
)

// agentConfig is what an agent can be told.
type agentConfig struct {
	Server, Token, TokenFile string
	Data                     string
	Name                     string
	Labels                   []string
	Capacity                 int
	Memory                   int64 // bytes; 0 is no limit
	MinFree                  int64 // bytes; 0 is the default, and a negative number is none
	LogLimit                 int64 // bytes; 0 is no limit
	KeepLogs                 int64 // bytes; 0 is the default, and a negative number is none
	DrainLimit               time.Duration
}

// Defaults of an agent.
const (
	defaultMinFree    = 256 << 20
	defaultLogLimit   = 4 << 30
	defaultKeepLogs   = 1 << 30
	defaultDrainLimit = time.Hour
)

// register adds the flags that an agent has wherever it runs.
func (c *agentConfig) register(flags *pflag.FlagSet) {
	c.Capacity, c.MinFree, c.LogLimit, c.KeepLogs = defaultCapacity(), defaultMinFree, defaultLogLimit, defaultKeepLogs
	flags.Var((*countValue)(&c.Capacity), "capacity", "how many jobs to run at once")
	flags.Var((*labelsValue)(&c.Labels), "label", "a label that jobs may ask for, as KEY=VALUE; may be repeated")
	flags.StringVar(&c.Name, "name", "", "name of the agent, for people; by default the host's")
	flags.Var((*sizeValue)(&c.Memory), "memory", "limit of memory of each activity's container, as in 2g; by default none")
	if flags.Lookup("min-free") == nil { // with "tutti up" the flag of the server is for both
		flags.Var((*floorValue)(&c.MinFree), "min-free", minFreeUsage)
	}
	flags.Var((*sizeValue)(&c.LogLimit), "log-limit", "bytes of each activity's log that are kept, its beginning and its end; 0 is no limit")
	flags.Var((*floorValue)(&c.KeepLogs), "keep-logs", "bytes of logs of finished jobs that are kept for a day, for a server that is restored from a backup")
	c.DrainLimit = defaultDrainLimit
	flags.Var((*spanValue)(&c.DrainLimit), "drain-limit", "how long jobs may go on after SIGTERM until they are canceled; 0 is for ever")
}

const minFreeUsage = "bytes that have to be free on the disk for new jobs to start, as in 256m"

// registerAlone adds the flags of an agent that has a process of its own.
func (c *agentConfig) registerAlone(flags *pflag.FlagSet) {
	flags.StringVar(&c.Server, "server", "http://"+defaultListen, "URL of the server")
	flags.StringVar(&c.TokenFile, "token-file", filepath.Join(defaultDataDir(), "agent.token"), "file with the agents' token of the server")
	flags.StringVar(&c.Data, "data", defaultAgentData(), "folder for the agent's identity, journal and spool")
}

func defaultAgentData() string { return filepath.Join(defaultDataDir(), "agent") }

// An agentSource is where the configuration of an agent comes from. It can be read again. What the command line or the
// environment says wins over the file.
type agentSource struct {
	given map[string][]string // values by flag
	file  string              // empty for none
	alone bool                // see registerAlone
}

// newAgentSource takes over what was said on the command line and in the environment.
func newAgentSource(flags *pflag.FlagSet, file string, alone bool) *agentSource {
	s := &agentSource{given: make(map[string][]string), file: file, alone: alone}
	known, _ := s.flags()
	flags.Visit(func(f *pflag.Flag) {
		if known.Lookup(f.Name) == nil {
			return
		}
		s.given[f.Name] = []string{f.Value.String()}
		if many, ok := f.Value.(pflag.SliceValue); ok {
			s.given[f.Name] = many.GetSlice()
		}
	})
	return s
}

// flags answers the flags that the file may set, and what they set.
func (s *agentSource) flags() (*pflag.FlagSet, *agentConfig) {
	flags, cfg := pflag.NewFlagSet("agent", pflag.ContinueOnError), new(agentConfig)
	cfg.register(flags)
	if s.alone {
		cfg.registerAlone(flags)
	}
	return flags, cfg
}

// read reads the configuration as it is now. What is wrong with the file is a *configError.
func (s *agentSource) read() (agentConfig, error) {
	flags, cfg := s.flags()
	if s.file != "" {
		if err := readConfigFile(s.file, flags); err != nil {
			return agentConfig{}, err
		}
	}
	for name, values := range s.given {
		value := flags.Lookup(name).Value
		err := errors.New("it has several values")
		if many, ok := value.(pflag.SliceValue); ok {
			err = many.Replace(values)
		} else if len(values) == 1 {
			err = value.Set(values[0])
		}
		if err != nil {
			return agentConfig{}, misused("--%s: %v", name, err)
		}
	}
	if !s.alone {
		return *cfg, nil
	}
	if err := (wire.Dialer{URL: cfg.Server}).Check(); err != nil {
		return agentConfig{}, misused("--server: %v", err)
	}
	token, err := os.ReadFile(cfg.TokenFile)
	if err != nil {
		return agentConfig{}, failed(fmt.Errorf("reading the agent's token: %w; copy agent.token from the server's data folder and name it with --token-file", err))
	}
	cfg.Token = strings.TrimSpace(string(token))
	return *cfg, nil
}

// A configError is what is wrong with a configuration file.
type configError struct{ problems []plan.Problem }

func (e *configError) Error() string {
	var words bytes.Buffer
	if err := dsl.Format(&words, e.problems, false); err != nil {
		return err.Error()
	}
	return "the configuration cannot be used\n" + strings.TrimRight(words.String(), "\n")
}

// sizeValue is a flag for bytes.
type sizeValue int64

func (v *sizeValue) Set(text string) error {
	n, err := parseSize(text)
	*v = sizeValue(n)
	return err
}

func (v *sizeValue) Type() string   { return "size" }
func (v *sizeValue) String() string { return formatSize(int64(*v)) }

// floorValue is a flag for bytes of which none are wanted with 0, where a zero field means the default.
type floorValue int64

func (v *floorValue) Set(text string) error {
	n, err := parseSize(text)
	if n == 0 {
		n = -1
	}
	*v = floorValue(n)
	return err
}

func (v *floorValue) Type() string   { return "size" }
func (v *floorValue) String() string { return formatSize(max(int64(*v), 0)) }

// spanValue is a flag for a time, where 0 has a meaning of its own.
type spanValue time.Duration

func (v *spanValue) Set(text string) error {
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return fmt.Errorf("%q is not a time such as 90s or 1h30m", text)
	}
	*v = spanValue(d)
	return nil
}

func (v *spanValue) Type() string   { return "time" }
func (v *spanValue) String() string { return time.Duration(*v).String() }

// countValue is a flag for a number from 1 on.
type countValue int

func (v *countValue) Set(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > 1000 {
		return fmt.Errorf("%q is not a number from 1 to 1000", text)
	}
	*v = countValue(n)
	return nil
}

func (v *countValue) Type() string   { return "number" }
func (v *countValue) String() string { return strconv.Itoa(int(*v)) }

// labelsValue is a flag that may be repeated, for labels.
type labelsValue []string

func (v *labelsValue) Set(text string) error {
	if key, value, ok := strings.Cut(text, "="); !ok || key == "" || value == "" {
		return fmt.Errorf("%q is not of the form KEY=VALUE", text)
	}
	*v = append(*v, text)
	return nil
}

func (v *labelsValue) Type() string               { return "KEY=VALUE" }
func (v *labelsValue) String() string             { return strings.Join(*v, ",") }
func (v *labelsValue) Append(text string) error   { return v.Set(text) }
func (v *labelsValue) Replace(all []string) error { *v = slices.Clone(all); return nil }
func (v *labelsValue) GetSlice() []string         { return *v }
