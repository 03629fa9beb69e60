package agent

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/executor"
)

// A job that is put away a second time, because the journal lost its end, keeps the logs that it has.
func TestKeepTwice(t *testing.T) {
	dir := t.TempDir()
	k, err := openKeep(filepath.Join(dir, "kept"), "boot", executor.LeaseTime, slog.New(slog.DiscardHandler))
	must(t, err)
	logs, over := filepath.Join(dir, "logs"), wire.Report{Claim: claim(1), Result: plan.Passed}
	must(t, os.Mkdir(logs, 0o700))
	must(t, os.WriteFile(filepath.Join(logs, "unit.log"), []byte("all\n"), 0o600))
	must(t, k.put(over, logs))
	must(t, os.Mkdir(logs, 0o700)) // of the process that took the job up again
	must(t, k.put(over, logs))
	if text, err := os.ReadFile(filepath.Join(k.folder(keptJob{Report: over}), "unit.log")); err != nil || string(text) != "all\n" {
		t.Errorf("kept is %q (%v)", text, err)
	}
	if _, err := os.Stat(logs); !os.IsNotExist(err) {
		t.Errorf("the other folder stays: %v", err)
	}
	if got := k.claims(); len(got) != 1 {
		t.Errorf("it keeps %v", got)
	}
}
