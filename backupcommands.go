package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/tutti-ci/tutti/agent/protocol"
	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/api/client"
	"github.com/tutti-ci/tutti/server/backup"
	"github.com/tutti-ci/tutti/server/clock"
	"github.com/tutti-ci/tutti/server/durable"
	"github.com/tutti-ci/tutti/server/logs"
	"github.com/tutti-ci/tutti/server/store"
)

// keeping are the flags of the commands that make backups and restore them.
type keeping struct {
	clientFlags
	data string
	cmd  *cobra.Command
	// What the command line names goes before what the environment does.
	dataGiven, serverGiven bool
}

func (k *keeping) register(cmd *cobra.Command) {
	k.clientFlags.register(cmd)
	cmd.Flags().StringVar(&k.data, "data", defaultDataDir(), "data folder of the server; if a server has it, that one does the work")
	cmd.Args = k.args
	k.cmd = cmd
}

// args looks at the command line, before flags are taken from the environment.
func (k *keeping) args(cmd *cobra.Command, args []string) error {
	k.dataGiven, k.serverGiven = cmd.Flags().Changed("data"), cmd.Flags().Changed("server")
	if k.dataGiven && k.serverGiven {
		return misused("--data and --server both say which server it is about: give one of them")
	}
	return cobra.ExactArgs(1)(cmd, args)
}

// running answers a client of the server that does the work; nil if there is none, and the data folder is free.
func (k *keeping) running() (*client.Client, error) {
	if k.serverGiven || !k.cmd.Flags().Changed("data") && k.cmd.Flags().Changed("server") {
		return k.client(), nil
	}
	url, err := store.ServerOf(k.data)
	if err != nil || url == "" {
		return nil, err
	}
	k.server = url
	token, err := os.ReadFile(filepath.Join(k.data, "admin.token")) // that of the environment may be another server's
	switch {
	case err == nil:
		k.token = strings.TrimSpace(string(token))
	case k.token == "":
		return nil, fmt.Errorf("reading the admin's token: %w", err)
	}
	return k.client(), nil
}

func backupCommand(con console) *cobra.Command {
	var flags keeping
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Write all that a server must not lose into a file, while it works",
		RunE: func(cmd *cobra.Command, args []string) error {
			m, err := flags.backup(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if flags.json {
				return printJSON(con.Out, m)
			}
			var size int64
			for _, f := range m.Files {
				size += f.Size
			}
			fmt.Fprintf(con.Out, "%s holds the server as it was at %s: %d files, %d bytes\n", args[0], m.At.Format(time.DateTime+" MST"), len(m.Files), size)
			return nil
		},
	}
	flags.register(cmd)
	return cmd
}

func (k *keeping) backup(ctx context.Context, file string) (backup.Manifest, error) {
	c, err := k.running()
	if err != nil {
		return backup.Manifest{}, err
	}
	if c != nil {
		return keepBackup(ctx, file, func(w io.Writer) error { return c.Backup(ctx, w) })
	}
	if _, err := os.Stat(filepath.Join(k.data, backup.Database)); err != nil {
		return backup.Manifest{}, failed(fmt.Errorf("there is no server's data in %s: name its folder with --data, or a running server with --server", k.data))
	}
	now := clock.New().Now
	db, err := store.Open(ctx, filepath.Join(k.data, backup.Database), now)
	if err != nil {
		return backup.Manifest{}, withRemedy(err, k.data)
	}
	all, err := logs.Open(filepath.Join(k.data, backup.Logs))
	if err != nil {
		return backup.Manifest{}, errors.Join(err, db.Close())
	}
	m, err := writeBackup(ctx, file, backup.Source{Dir: k.data, Version: version, Now: now, Snapshot: db.Snapshot, Logs: all.Snapshot, Trap: trap()})
	return m, errors.Join(err, all.Close(), db.Close())
}

// writeBackup writes a backup into a file.
func writeBackup(ctx context.Context, file string, src backup.Source) (backup.Manifest, error) {
	return keepBackup(ctx, file, func(w io.Writer) error {
		_, err := backup.Write(ctx, w, src)
		return err
	})
}

// keepBackup lets write write a backup, reads it again, and only then gives it its name: a file of that name is whole.
func keepBackup(ctx context.Context, file string, write func(io.Writer) error) (m backup.Manifest, err error) {
	switch info, err := os.Stat(file); {
	case err != nil: // there is none yet, or making one says why not
	case info.IsDir():
		return m, failed(fmt.Errorf("%s is a folder: name a file in it for the backup", file))
	case !info.Mode().IsRegular(): // the backup takes its place, which /dev/null would not survive
		return m, failed(fmt.Errorf("%s is a device, or the like: name a file for the backup", file))
	}
	if _, err := os.Stat(filepath.Dir(file)); errors.Is(err, fs.ErrNotExist) {
		return m, failed(fmt.Errorf("the folder %s, which the backup is to be written into, does not exist", filepath.Dir(file)))
	}
	tmp, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+".*")
	if err != nil {
		return m, failed(fmt.Errorf("writing the backup: %w", err))
	}
	defer func() {
		err = errors.Join(err, tmp.Close())
		if err != nil {
			if gone := os.Remove(tmp.Name()); !errors.Is(gone, fs.ErrNotExist) { // it may have its name already
				err = errors.Join(err, gone)
			}
		}
		if errors.Is(err, syscall.ENOSPC) {
			err = fmt.Errorf("the disk of %s is full: no backup was written", filepath.Dir(file))
		}
	}()
	out := bufio.NewWriterSize(tmp, 1<<20)
	if err := write(out); err != nil {
		return m, err
	}
	if err := errors.Join(out.Flush(), tmp.Sync()); err != nil {
		return m, fmt.Errorf("writing the backup: %w", err)
	}
	if _, err := tmp.Seek(0, io.SeekStart); err != nil {
		return m, fmt.Errorf("reading the backup again: %w", err)
	}
	if m, err = backup.Verify(ctx, bufio.NewReaderSize(tmp, 1<<20)); err != nil {
		return m, fmt.Errorf("reading the backup again: %w", err)
	}
	if err := os.Rename(tmp.Name(), file); err != nil {
		return m, fmt.Errorf("writing the backup: %w", err)
	}
	// Where folders cannot be synced, as on some network disks, the name is as safe as it can be.
	if err := durable.Sync(filepath.Dir(file)); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, fs.ErrPermission) {
		return m, fmt.Errorf("writing the backup: %w", err)
	}
	return m, nil
}

func restoreCommand(con console) *cobra.Command {
	var flags keeping
	cmd := &cobra.Command{
		Use:   "restore FILE",
		Short: "Put a backup in the place of what a server has, running or not",
		RunE: func(cmd *cobra.Command, args []string) error {
			restored, err := flags.restore(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if flags.json {
				return printJSON(con.Out, restored)
			}
			fmt.Fprintf(con.Out, "the server is as it was at %s\n", restored.Backup.Format(time.DateTime+" MST"))
			if restored.Before != "" {
				fmt.Fprintf(con.Out, "what was there before is in %s\n", restored.Before)
			}
			if restored.NewTokens {
				fmt.Fprintln(con.Out, "the tokens are those of the backup: agents and clients need them")
			}
			return nil
		},
	}
	flags.register(cmd)
	return cmd
}

func (k *keeping) restore(ctx context.Context, file string) (server.Restored, error) {
	f, err := os.Open(file)
	if err != nil {
		return server.Restored{}, failed(fmt.Errorf("reading the backup: %w", err))
	}
	defer f.Close() // only read
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return server.Restored{}, failed(fmt.Errorf("%s is a folder, and no backup", file))
	}
	in := bufio.NewReaderSize(f, 1<<20)
	c, err := k.running()
	if err != nil {
		return server.Restored{}, err
	}
	if c != nil {
		return c.Restore(ctx, in)
	}
	return restoreFolder(ctx, k.data, in)
}

// restoreFolder restores a backup into a data folder that no server has.
func restoreFolder(ctx context.Context, dir string, r io.Reader) (out server.Restored, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return out, failed(fmt.Errorf("restoring: %w", err))
	}
	unlock, err := store.Lock(dir)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	if err := backup.Finish(dir); err != nil {
		return out, err
	}
	now := clock.New().Now
	given := givenAt(ctx, dir, now())
	staged, err := packedBackup{dir, now, given, protocol.Terms{}}.stage(ctx, r)
	if err != nil {
		return out, fmt.Errorf("nothing was restored: %w", err)
	}
	swap := staged.swap(now())
	if err := swap.Do(dir); err != nil {
		return out, errors.Join(err, swap.Undo(dir))
	}
	out = server.Restored{Backup: staged.manifest.At, Before: filepath.Join(dir, swap.Old)}
	if os.Remove(out.Before) == nil { // it was empty: the folder is a new one
		out.Before = ""
	}
	return out, nil
}

// givenAt answers the numbers of the database that is replaced. Of one that is damaged nobody knows them: then the time has to do for
// that of the generation, which no other one may have had, and the runs go on from the number in the backup and some more.
func givenAt(ctx context.Context, dir string, now time.Time) store.Given {
	path := filepath.Join(dir, backup.Database)
	given, err := store.GivenAt(ctx, path)
	if _, none := os.Stat(path); err != nil && none == nil {
		given.Generation = int64(now.Sub(time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)) / time.Minute)
	}
	return given
}

// withRemedy adds to the error of a damaged database what to do.
func withRemedy(err error, dir string) error {
	var damaged *store.DamagedError
	if !errors.As(err, &damaged) {
		return err
	}
	remedy := fmt.Sprintf("restore a backup: tutti server restore FILE --data %s", dir)
	if all, none := ownCopies(dir); none == nil && len(all) > 0 {
		remedy = fmt.Sprintf("restore a backup, or the newest copy that the server made itself: tutti server restore %s --data %s", all[len(all)-1], dir)
	}
	if damaged.Changed {
		remedy += fmt.Sprintf(" (if another program changed it, such as sqlite3 after the server was killed, remove %s.sums instead)", damaged.Path)
	}
	return failed(fmt.Errorf("%w; %s", err, remedy))
}
