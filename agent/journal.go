package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/tutti-ci/tutti/agent/wire"
)

// A journal keeps on disk which jobs the agent holds and how far they came: a file of records (journal_frame.go). What a crash
// tore off its end is cut off when it is opened; damage is said, and what can be saved is saved. While the disk is full, who writes
// waits.
type journal struct {
	path     string
	log      *slog.Logger
	patience patience

	mu      sync.Mutex // guards all below
	file    journalFile
	size    int64
	large   int64 // from this size on it is written anew
	held    entries
	damaged bool // when it was opened
}

// A journalFile is an *os.File, or one that fails as a full disk does.
type journalFile interface {
	io.WriterAt
	io.Closer
	Sync() error
	Truncate(size int64) error
}

// compactAt is the size from which a journal is written anew with what still counts.
const compactAt = 1 << 20

// errJournalClosed answers who comes too late.
var errJournalClosed = errors.New("writing the journal: it is closed")

// openJournal answers the journal and what it held. On a full disk it waits until ctx ends.
func openJournal(ctx context.Context, path string, log *slog.Logger, p patience) (*journal, []entry, error) {
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, nil, fmt.Errorf("reading the journal: %w", err)
	}
	found, end := scanJournal(data)
	for _, f := range found {
		if f.record != nil && f.record.Version > journalVersion {
			return nil, nil, fmt.Errorf("the data folder %s was used by a newer release of tutti (its journal has version %d, this release knows %d): "+
				"start that release again, or give this agent another data folder", filepath.Dir(path), f.record.Version, journalVersion)
		}
	}
	j := &journal{path: path, log: log, patience: p}
	j.held, j.damaged = replay(found)
	if j.damaged {
		j.complain(data, found)
	}
	if !j.damaged && end > 0 {
		err = j.reuse(int64(end)) // it takes no space, as to write it anew would
	} else {
		err = p.forEver().try(ctx, j.compact)
	}
	if err != nil {
		return nil, nil, err
	}
	var held []entry
	for _, e := range j.held {
		held = append(held, *e)
	}
	slices.SortFunc(held, func(a, b entry) int { return int(a.Offer.Run - b.Offer.Run) })
	return j, held, nil
}

// complain says what is damaged, and keeps the file for whoever wants to look.
func (j *journal) complain(data []byte, found []finding) {
	i := slices.IndexFunc(found, func(f finding) bool { return !f.whole })
	var lost []string
	for c, e := range j.held {
		if e.Damaged {
			lost = append(lost, fmt.Sprintf("%d/%s", c.Run, c.Job))
		}
	}
	slices.Sort(lost)
	kept := j.path + ".damaged"
	if err := writeSynced(kept, data); err != nil {
		kept = "nowhere: " + err.Error()
	}
	j.log.Error("the agent's journal was damaged on the disk; what could be read of it counts, and jobs of which records are missing end as lost",
		"first_damage_at_byte", found[i].at, "jobs_lost", lost, "damaged_file_kept_in", kept)
}

// reuse goes on with the file behind its last record.
func (j *journal) reuse(end int64) error {
	file, err := os.OpenFile(j.path, os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("opening the journal: %w", err)
	}
	if err := file.Truncate(end); err != nil {
		return errors.Join(fmt.Errorf("cutting the torn end of the journal off: %w", err), file.Close())
	}
	j.file, j.size, j.large = file, end, max(compactAt, 2*end)
	return nil
}

// write appends a record, and waits for as long as it may if there is no space for it. What must survive the end of the host is on
// the disk when write answers.
func (j *journal) write(ctx context.Context, rec record) error {
	data, err := encodeRecord(rec)
	if err != nil {
		return fmt.Errorf("writing the journal: %w", err)
	}
	return j.patience.try(ctx, func() error { return j.append(rec, data) })
}

// forget notes that the server knows all of a job. If the note is lost the server says so again.
func (j *journal) forget(c wire.Claim) error { return j.attempt(record{Forget: &c}) }

// attempt is write without waiting for space.
func (j *journal) attempt(rec record) error {
	data, err := encodeRecord(rec)
	if err != nil {
		return fmt.Errorf("writing the journal: %w", err)
	}
	return j.append(rec, data)
}

func (j *journal) append(rec record, data []byte) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file == nil {
		return errJournalClosed
	}
	if err := j.put(data, rec.durable()); err != nil {
		// The next record goes to the same place. If it is shorter, what is left of this one must not look like damage behind it.
		return errors.Join(err, j.file.Truncate(j.size))
	}
	j.size += int64(len(data))
	j.held.apply(rec)
	if j.size > j.large || len(j.held) == 0 && j.size > compactAt/16 {
		if err := j.compact(); err != nil { // nothing is lost; there is only more of it than need be
			j.large = 2 * j.size
			j.log.Warn("the journal could not be written anew", "error", err)
		}
	}
	return nil
}

// put writes behind the last record.
func (j *journal) put(data []byte, durable bool) error {
	if _, err := j.file.WriteAt(data, j.size); err != nil {
		return fmt.Errorf("writing the journal: %w", err)
	}
	if !durable {
		return nil
	}
	if err := j.file.Sync(); err != nil {
		return fmt.Errorf("syncing the journal: %w", err)
	}
	return nil
}

// compact writes the journal anew with the jobs that are still held.
func (j *journal) compact() error {
	data, err := encodeRecord(record{Version: journalVersion})
	for _, e := range j.held {
		for _, rec := range e.records() {
			encoded, failed := encodeRecord(rec)
			err = errors.Join(err, failed)
			data = append(data, encoded...)
		}
	}
	if err != nil {
		return fmt.Errorf("writing the journal anew: %w", err)
	}
	file, err := j.replace(data)
	if err != nil {
		return fmt.Errorf("writing the journal anew: %w", err)
	}
	old := j.file
	j.file, j.size, j.large = file, int64(len(data)), max(compactAt, 2*int64(len(data)))
	if old != nil {
		if err := old.Close(); err != nil {
			return fmt.Errorf("closing the journal of before: %w", err)
		}
	}
	return syncDir(filepath.Dir(j.path))
}

// replace puts a file with this content in the journal's place, and answers it.
func (j *journal) replace(data []byte) (*os.File, error) {
	name := j.path + ".tmp"
	tmp, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	if _, err = tmp.Write(data); err == nil {
		err = tmp.Sync()
	}
	if err == nil {
		err = os.Rename(name, j.path)
	}
	if err != nil {
		return nil, errors.Join(err, tmp.Close(), os.Remove(name))
	}
	return tmp, nil
}

// close lets nobody write any more. It may be called again.
func (j *journal) close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file == nil {
		return nil
	}
	err := j.file.Close()
	j.file = nil
	return err
}
