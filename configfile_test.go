package main

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestConfigFile(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "token", "s3cr3t\n")
	write(t, dir, "agent.conf", `
# a comment
; another
TUTTI_SERVER = https://ci.example.com
TUTTI_TOKEN_FILE="`+filepath.Join(dir, "token")+`"
TUTTI_CAPACITY=4
TUTTI_LABEL=disk=ssd
TUTTI_LABEL='room=12 b'
TUTTI_MEMORY=2g
TUTTI_MIN_FREE=0
TUTTI_DRAIN_LIMIT=90m
`)
	source := &agentSource{file: filepath.Join(dir, "agent.conf"), alone: true, given: map[string][]string{
		"capacity": {"7"}, "data": {"/srv/agent"}, "name": {"n"},
	}}
	got, err := source.read()
	if err != nil {
		t.Fatal(err)
	}
	want := agentConfig{
		Server: "https://ci.example.com", Token: "s3cr3t", TokenFile: filepath.Join(dir, "token"), Data: "/srv/agent", Name: "n",
		Labels: []string{"disk=ssd", "room=12 b"}, Capacity: 7, Memory: 2 << 30, MinFree: -1, LogLimit: defaultLogLimit,
		KeepLogs: defaultKeepLogs, DrainLimit: 90 * 60e9,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	source.given["label"] = []string{"a=b"}
	if got, err := source.read(); err != nil || len(got.Labels) != 1 {
		t.Errorf("the command line does not win: %+v (%v)", got.Labels, err)
	}
}

// TestMistakesInConfigFile wants each mistake named with its place and what to do.
func TestMistakesInConfigFile(t *testing.T) {
	dir := t.TempDir()
	for text, want := range map[string]string{
		"TUTTI_CAPACTY=4": `There is no setting "TUTTI_CAPACTY"
 --> FILE:1:1
1 | TUTTI_CAPACTY=4
  | ^^^^^^^^^^^^^
  There are TUTTI_CAPACITY, `,
		"\n  TUTTI_CAPACITY = 0": `TUTTI_CAPACITY cannot be "0"
 --> FILE:2:20
2 |   TUTTI_CAPACITY = 0
  |                    ^
  "0" is not a number from 1 to 1000. It is: how many jobs to run at once.`,
		"TUTTI_CAPACITY=": `TUTTI_CAPACITY cannot be ""
 --> FILE:1:16`,
		"TUTTI_LABEL=ssd":                      `"ssd" is not of the form KEY=VALUE`,
		"TUTTI_MEMORY=much":                    `"much" is not a size such as 512m or 2g`,
		"TUTTI_DRAIN_LIMIT=1":                  `"1" is not a time such as 90s or 1h30m`,
		"TUTTI_DRAIN_LIMIT=-5s":                `"-5s" is not a time such as 90s or 1h30m`,
		"capacity 4":                           "Write KEY=VALUE, as in TUTTI_CAPACITY=4",
		"TUTTI_NAME=\"a":                       "Close it at the end of the line",
		"TUTTI_NAME=a\nTUTTI_NAME=b":           "It was set in line 1 already",
		"TUTTI_CONFIG=/etc/other":              `There is no setting "TUTTI_CONFIG"`,
		"# ümläut\nTUTTI_NAME=é\nTUTTI_NÄME=é": ":3:1",
	} {
		write(t, dir, "agent.conf", text)
		file := filepath.Join(dir, "agent.conf")
		_, err := (&agentSource{file: file, alone: true}).read()
		var bad *configError
		if !errors.As(err, &bad) {
			t.Errorf("%q is read with %v", text, err)
			continue
		}
		if got := strings.ReplaceAll(err.Error(), file, "FILE"); !strings.Contains(got, want) {
			t.Errorf("of %q it is said:\n%s\nwant:\n%s", text, got, want)
		}
	}
	write(t, dir, "agent.conf", "TUTTI_NAME=\xff")
	if _, err := (&agentSource{file: filepath.Join(dir, "agent.conf")}).read(); err == nil {
		t.Error("a file that is no text is read")
	}
	if _, err := (&agentSource{file: filepath.Join(dir, "none")}).read(); err == nil {
		t.Error("a file that is not there is read")
	}
}

// TestAgentRefusesABadConfiguration looks at what a person sees.
func TestAgentRefusesABadConfiguration(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "agent.conf", "TUTTI_SPEED=4\n")
	for _, args := range [][]string{{"agent", "--config", filepath.Join(dir, "agent.conf")}, {"agent", "--capacity", "0"}, {"agent", "--server", "nonsense"}, {"up", "--fence", "0s"},
		{"server", "--fence", "100h"}, {"server", "--suspect", "20m"}, {"server", "--poll", "-1s"}, {"server", "--backup-every", "-1s"}} {
		var out, errs strings.Builder
		if code := execute(t.Context(), args, console{In: strings.NewReader(""), Out: &out, Err: &errs}); code != exitUsage {
			t.Errorf("%v ends with %d: %s", args, code, &errs)
		}
	}
}
