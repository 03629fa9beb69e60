package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/tutti-ci/tutti/agent/protocol"
	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/backup"
	"github.com/tutti-ci/tutti/server/store"
)

// A stagedBackup is a backup that was unpacked beside a data folder's own files, and is ready to take their place.
type stagedBackup struct {
	dir      string // the data folder
	name     string // of the folder in it
	manifest backup.Manifest
}

// unstage removes what is left of a stage that did not take its place.
func (s stagedBackup) unstage() error { return os.RemoveAll(filepath.Join(s.dir, s.name)) }

// swap is the exchange that it is made for.
func (s stagedBackup) swap(now time.Time) backup.Swap {
	return backup.Swap{New: s.name, Old: "before-restore-" + now.UTC().Format("20060102T150405.000Z"), Items: s.manifest.Items()}
}

// packedBackup is a backup that was not unpacked yet.
type packedBackup struct {
	dir   string
	now   func() time.Time
	given store.Given // by the database that is there, as far as it is known
	terms protocol.Terms
}

// stage unpacks a backup, makes sure of it, and begins a new generation in it. Nothing else changes.
func (u packedBackup) stage(ctx context.Context, r io.Reader) (s stagedBackup, err error) {
	s = stagedBackup{dir: u.dir, name: backup.Staging(u.now())}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.unstage())
		}
	}()
	at := filepath.Join(u.dir, s.name)
	if s.manifest, err = backup.Unpack(ctx, r, at); err != nil {
		return s, err
	}
	db, err := store.Open(ctx, filepath.Join(at, backup.Database), u.now)
	if err != nil {
		return s, unusable(err)
	}
	err = db.Renew(ctx, store.Renewal{Backup: s.manifest.At, After: u.given, GiveUp: giveUp(u.terms)})
	return s, errors.Join(err, db.Close())
}

// giveUp answers how long after the last word from its agent a job counts as lost, given its fence.
func giveUp(terms protocol.Terms) func(fence time.Duration) time.Duration {
	return func(fence time.Duration) time.Duration { return terms.Of(fence).GiveUp() }
}

// unusable says of an error in opening a backup's database what people can do: it is a file of theirs, and no part of the server.
func unusable(err error) error {
	var damaged *store.DamagedError
	var refused *server.Error
	switch {
	case errors.As(err, &damaged):
		return server.Errorf(server.Invalid, "the backup is damaged: the database in it cannot be used (%s): restore another one", damaged.What)
	case errors.As(err, &refused) && refused.Kind == server.Conflict:
		return server.Errorf(server.Conflict, "the backup cannot be restored here: %s", refused.Message)
	}
	return fmt.Errorf("opening the backup's database: %w", err)
}

// backups are what people can ask of a running server about backups.
type backups struct {
	s  *serverProcess
	in *instance
}

// Backup implements api.Keeper.
func (k backups) Backup(ctx context.Context, w io.Writer) error {
	if _, err := backup.Write(ctx, w, k.in.source()); err != nil {
		return explained("the backup was not made", err)
	}
	return nil
}

// explained gives an error that is not the caller's fault a sentence that whoever may do this may read.
func explained(what string, err error) error {
	if err == nil || server.KindOf(err) != server.Internal || errors.Is(err, context.Canceled) {
		return err
	}
	return server.Errorf(server.Unavailable, "%s: %w", what, err)
}

// Restore implements api.Keeper. It is called in a request that the instance answers, and outlives the instance.
func (k backups) Restore(ctx context.Context, r io.Reader) (server.Restored, error) {
	if !k.s.restoring.TryLock() {
		return server.Restored{}, server.Errorf(server.Conflict, "another backup is being restored just now")
	}
	defer k.s.restoring.Unlock()
	given, err := k.in.Store.Given(ctx)
	if err != nil {
		return server.Restored{}, err
	}
	staged, err := packedBackup{k.in.cfg.Data, k.in.clock.Now, given, k.in.terms()}.stage(ctx, r)
	if err != nil {
		return server.Restored{}, explained("nothing was restored", err)
	}
	order := restoreOrder{stagedBackup: staged, done: make(chan restoreEnd, 1)}
	if v, ok := ctx.Value(visitKey{}).(*visit); ok {
		order.leave = v.leave
	}
	select {
	case k.s.restores <- order:
		end := <-order.done
		return end.Restored, explained("nothing was restored, and the server works as before", end.err)
	case <-ctx.Done():
		return server.Restored{}, errors.Join(ctx.Err(), staged.unstage())
	}
}

// A restoreOrder asks for another instance, of what was staged.
type restoreOrder struct {
	stagedBackup
	leave func() // tells the instance not to wait for whoever asks
	done  chan restoreEnd
}

// A restoreEnd is what came of it.
type restoreEnd struct {
	server.Restored
	err error
}

// replace ends the instance, exchanges what is in the data folder, and starts another one. If that cannot be, it starts one of what
// was there before.
func (s *serverProcess) replace(ctx context.Context, o restoreOrder) (server.Restored, error) {
	old := s.instance
	s.answer(nil)
	o.leave()
	old.stop(lastRequests)
	if err := old.close(); err != nil {
		s.log.Warn("the server did not end as it should before a restore", "error", err)
	}
	swap := o.swap(s.clock.Now())
	err := s.reopen(ctx, old.cfg, func() error { return swap.Do(o.dir) })
	if err == nil {
		return server.Restored{
			Backup: o.manifest.At, Before: filepath.Join(o.dir, swap.Old), NewTokens: old.AdminToken != s.AdminToken || old.AgentToken != s.AgentToken,
		}, nil
	}
	s.log.Error("a backup could not be restored; the server goes on as it was", "error", err)
	back := s.reopen(ctx, old.cfg, func() error { return swap.Undo(o.dir) })
	return server.Restored{}, errors.Join(err, back)
}

// reopen makes another instance and lets it answer.
func (s *serverProcess) reopen(ctx context.Context, cfg serverConfig, before func() error) error {
	next := s.newInstance(cfg)
	if err := next.open(ctx, before); err != nil {
		return errors.Join(err, next.close())
	}
	s.instance = next
	if s.reopened != nil {
		s.reopened(next.AgentToken)
	}
	s.announce()
	next.start(ctx)
	s.answer(next)
	return nil
}

// terms are those of the server's jobs.
func (in *instance) terms() protocol.Terms {
	return protocol.Terms{Suspect: in.cfg.Suspect, Fence: in.cfg.Fence}
}
