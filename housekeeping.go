package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/backup"
)

const (
	// lookAround is how often a server looks at its disk.
	lookAround = 2 * time.Second
	// comeBack is for how long after a restore no job is given out: agents tell first what they have.
	comeBack = time.Minute
	// restoredShown is for how long a server says by itself that it was restored.
	restoredShown = 24 * time.Hour
	// keptCopies is how many copies of the database are kept, beside the backups that somebody makes.
	keptCopies = 24
	// noRoom is the kind of the trouble with a disk that is nearly full.
	noRoom = "disk"
)

// keepHouse starts what looks after the data folder and the clock.
func (in *instance) keepHouse(ctx context.Context) {
	in.checkRoom() // before the first job can start
	in.work.Go(func() { in.watchDisk(ctx) })
	if in.cfg.Given != nil {
		return // for the time of one run nothing of this is worth it
	}
	in.work.Go(func() {
		in.clock.Watch(ctx, in.troubles, func(ctx context.Context, by time.Duration) error {
			in.log.Warn("the machine's clock was set; from now on times are shown by it", "by", by)
			return in.Store.Move(ctx, by, func(by time.Duration) {
				in.clock.Move(by)
				if err := in.auth.Move(by); err != nil {
					in.log.Warn("sessions may end at another time", "error", err)
				}
			})
		})
	})
	if began := in.clock.Elapsed(); in.tellRestored(ctx, began) {
		in.work.Go(func() { in.goOnTelling(ctx, began) })
	}
	if in.cfg.BackupEvery > 0 {
		in.work.Go(func() { in.copyDatabase(ctx) })
	}
}

// watchDisk tells when there is little room left, and when the database can be written again.
func (in *instance) watchDisk(ctx context.Context) {
	tick := time.NewTicker(lookAround)
	defer tick.Stop()
	for {
		if err := in.Store.Probe(ctx); err != nil && ctx.Err() == nil {
			in.log.Warn("the database cannot be written yet", "error", err)
		}
		in.checkRoom()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (in *instance) checkRoom() {
	var fs unix.Statfs_t
	if err := unix.Statfs(in.cfg.Data, &fs); err != nil {
		in.log.Warn("how much room the data folder has cannot be found out", "error", err)
		return
	}
	free := int64(fs.Bavail) * int64(fs.Bsize)
	if free >= in.cfg.MinFree {
		in.troubles.Clear(noRoom)
		return
	}
	in.troubles.Set(server.Trouble{Kind: noRoom, Since: in.clock.Now(), Halts: true, Text: fmt.Sprintf(
		"The disk of %s has less than %d MiB left (--min-free): no job starts until there is more room. What runs goes on", in.cfg.Data, in.cfg.MinFree>>20)})
}

// lacksRoom says whether checkRoom told so.
func (in *instance) lacksRoom() bool {
	return slices.ContainsFunc(in.troubles.All(), func(t server.Trouble) bool { return t.Kind == noRoom })
}

// goOnTelling calls tellRestored as long as there is something to tell.
func (in *instance) goOnTelling(ctx context.Context, began time.Duration) {
	tick := time.NewTicker(lookAround)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if !in.tellRestored(ctx, began) {
			return
		}
	}
}

// tellRestored tells people that the server was restored from a backup, for a while, and answers whether it has to be said again. Began
// is when the server did.
func (in *instance) tellRestored(ctx context.Context, began time.Duration) bool {
	at, made, yes, err := in.Store.Restored(ctx)
	if err != nil {
		if ctx.Err() == nil {
			in.log.Warn("whether the server was restored cannot be found out", "error", err)
		}
		return true
	}
	age := in.clock.Now().Sub(at)
	if !yes || age > restoredShown {
		in.troubles.Clear("restored")
		return false
	}
	in.troubles.Set(server.Trouble{
		Kind: "restored", Since: at, Halts: age < comeBack && in.clock.Elapsed()-began < comeBack,
		Text: fmt.Sprintf("The server was restored from a backup of %s. Runs that were made after it are gone; jobs that agents still have are taken in again", made.Format(time.DateTime+" MST")),
	})
	return true
}

// dismiss takes a trouble down that is only there to be known.
func (in *instance) dismiss(ctx context.Context, kind string) error {
	all := in.troubles.All()
	i := slices.IndexFunc(all, func(t server.Trouble) bool { return t.Kind == kind })
	switch {
	case i < 0:
		return server.Errorf(server.NotFound, "there is no trouble %q", kind)
	case kind != "restored":
		return server.Errorf(server.Conflict, "the trouble %q goes away once it is mended", kind)
	}
	if err := in.Store.DismissRestored(ctx); err != nil {
		return err
	}
	in.troubles.Clear(kind)
	return nil
}

// copies is the folder of the copies of the database that a server makes by itself.
func copies(dir string) string { return filepath.Join(dir, backup.Copies) }

// copyDatabase copies the database from time to time, so that there is something to restore.
func (in *instance) copyDatabase(ctx context.Context) {
	next := time.NewTimer(in.copyDue())
	defer next.Stop()
	for {
		select {
		case <-next.C:
		case <-ctx.Done():
			return
		}
		if err := in.copyOnce(ctx); err != nil && ctx.Err() == nil {
			in.log.Error("the database was not copied", "error", err)
		}
		next.Reset(in.cfg.BackupEvery)
	}
}

// copyDue is when a server that starts now copies its database: not later for its start, and not at once.
func (in *instance) copyDue() time.Duration {
	all, err := ownCopies(in.cfg.Data)
	if err != nil || len(all) == 0 {
		return min(comeBack, in.cfg.BackupEvery)
	}
	info, err := os.Stat(all[len(all)-1])
	if err != nil {
		return in.cfg.BackupEvery
	}
	return min(max(in.cfg.BackupEvery-time.Since(info.ModTime()), comeBack), in.cfg.BackupEvery)
}

func (in *instance) copyOnce(ctx context.Context) error {
	if in.lacksRoom() {
		return errors.New("the disk has too little room left (--min-free)")
	}
	dir := copies(in.cfg.Data)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("copying the database: %w", err)
	}
	src := in.source()
	src.Logs = nil
	name := filepath.Join(dir, "database-"+in.clock.Now().UTC().Format("20060102T150405Z")+".tutti")
	if _, err := writeBackup(ctx, name, src); err != nil {
		return err
	}
	all, err := ownCopies(in.cfg.Data)
	for _, old := range all[:max(0, len(all)-keptCopies)] {
		if gone := os.Remove(old); gone != nil && err == nil {
			err = fmt.Errorf("removing an old copy of the database: %w", gone)
		}
	}
	return err
}

// ownCopies answers the copies that there are, the oldest first.
func ownCopies(dir string) ([]string, error) {
	all, err := filepath.Glob(filepath.Join(copies(strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(dir)), "database-*.tutti"))
	if err != nil {
		return nil, fmt.Errorf("looking for copies of the database: %w", err)
	}
	slices.Sort(all)
	return all, nil
}

// source is what a backup of the server is made of.
func (in *instance) source() backup.Source {
	return backup.Source{Dir: in.cfg.Data, Version: version, Now: in.clock.Now, Snapshot: in.Store.Snapshot, Logs: in.logs.Snapshot, Trap: trap()}
}
