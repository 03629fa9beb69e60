package agent

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"

	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/executor"
)

// open reads what is in the data folder.
func (a *Agent) open(ctx context.Context) (*worker, error) {
	w := &worker{
		Agent: a, log: a.Log, settings: a.settings(), boot: bootID(), clock: executor.LeaseTime,
		ship: newShipper(), jobs: make(map[wire.Claim]*job),
		wake: make(chan struct{}, 1), less: make(chan struct{}, 1), leased: make(chan struct{}, 1), redial: make(chan struct{}, 1), recheck: make(chan struct{}, 1),
		leaving: make(chan struct{}), alone: make(chan struct{}),
	}
	if w.log == nil {
		w.log = slog.New(slog.DiscardHandler)
	}
	w.began = w.clock()
	w.rooms.trap = w.trap
	w.health = newHealth(a.Engine, w.poke)
	if err := sweepFiles(a.DataDir); err != nil {
		return nil, err
	}
	var err error
	if w.id, err = Identity(a.DataDir); err != nil {
		return nil, err
	}
	if w.instance, err = randomID(); err != nil {
		return nil, err
	}
	if w.spool, err = openSpool(filepath.Join(a.DataDir, "spool")); err != nil {
		return nil, err
	}
	if w.keep, err = openKeep(filepath.Join(a.DataDir, "kept"), w.boot, w.clock, w.log); err != nil {
		return nil, err
	}
	w.vault = openVault(memoryFolder, w.id, w.log)
	if w.journal, w.left, err = openJournal(ctx, filepath.Join(a.DataDir, "journal"), w.log, w.patience()); err != nil {
		return nil, err
	}
	if w.workspaces, err = openWorkspaces(filepath.Join(a.DataDir, "workspaces"), w.dial, w.id, w.log); err != nil {
		return nil, errors.Join(err, w.journal.close())
	}
	return w, nil
}
