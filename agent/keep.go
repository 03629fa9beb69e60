package agent

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/tutti-ci/tutti/agent/wire"
)

// How long, and how much of it, the agent keeps of jobs that it has put behind.
const (
	keepTime        = 24 * time.Hour
	defaultKeepLogs = 1 << 30
)

// A keep is the folder of the jobs that are over: their logs and their last reports. A server that was restored from a backup may
// want them again. What is too old, or too much, goes; so does all of it, the oldest first, when the disk is needed for other things.
type keep struct {
	dir   string
	boot  string
	clock func() time.Duration
	log   *slog.Logger

	mu   sync.Mutex // guards what follows
	jobs []keptJob  // the oldest first
}

// A keptJob is one that is over. It is also what a file says in its folder.
type keptJob struct {
	Report wire.Report   `json:"report"`
	Number int64         `json:"number"` // counts up
	Boot   string        `json:"boot"`   // of the host, when it was put away…
	At     time.Duration `json:"at"`     // …at this moment of it
	size   int64
}

const keptFile = "kept.json"

// openKeep answers what is kept in a folder.
func openKeep(dir, boot string, clock func() time.Duration, log *slog.Logger) (*keep, error) {
	k := &keep{dir: dir, boot: boot, clock: clock, log: log}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the folder of what is kept: %w", err)
	}
	found, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("reading what is kept: %w", err)
	}
	for _, each := range found {
		job, err := k.read(each.Name())
		if err != nil { // half of it was put away when the agent ended, say
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, each.Name())))
			log.Warn("what is kept of a job cannot be read, and is removed", "folder", each.Name(), "error", err)
			continue
		}
		k.jobs = append(k.jobs, job)
	}
	slices.SortFunc(k.jobs, func(a, b keptJob) int { return cmp.Compare(a.Number, b.Number) })
	return k, nil
}

func (k *keep) read(folder string) (keptJob, error) {
	var job keptJob
	data, err := os.ReadFile(filepath.Join(k.dir, folder, keptFile))
	if err == nil {
		err = json.Unmarshal(data, &job)
	}
	if err == nil && folderOf(job.Report.Claim) != folder {
		err = errors.New("it is in another job's folder")
	}
	if err != nil {
		return job, err
	}
	if job.Boot != k.boot { // for how long the host was off nobody knows; it counts from now on
		job.Boot, job.At = k.boot, k.clock()
		if err := k.write(job, filepath.Join(k.dir, folder)); err != nil {
			return job, err
		}
	}
	job.size, err = sizeOf(filepath.Join(k.dir, folder))
	return job, err
}

// put takes over the folder with the logs of a job that is over. One that is kept already, of which the journal lost the end, stays as it
// is: its logs are there, and not in this folder.
func (k *keep) put(last wire.Report, logs string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if slices.ContainsFunc(k.jobs, func(j keptJob) bool { return j.Report.Claim == last.Claim }) {
		return os.RemoveAll(logs)
	}
	job := keptJob{Report: last, Number: 1, Boot: k.boot, At: k.clock()}
	if n := len(k.jobs); n > 0 {
		job.Number = k.jobs[n-1].Number + 1
	}
	err := os.MkdirAll(logs, 0o700) // a job may have none
	if err == nil {
		err = k.write(job, logs)
	}
	if err == nil {
		err = os.Rename(logs, k.folder(job))
	}
	if err == nil {
		job.size, err = sizeOf(k.folder(job))
	}
	if err != nil { // nobody needs it by now
		return errors.Join(fmt.Errorf("keeping the logs of a job: %w", err), os.RemoveAll(logs))
	}
	k.jobs = append(k.jobs, job)
	return nil
}

// write says in a folder what it keeps. A file that is torn by the end of the agent is found to be.
func (k *keep) write(job keptJob, folder string) error {
	data, err := json.Marshal(job)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, keptFile), data, 0o600)
}

func (k *keep) folder(job keptJob) string { return filepath.Join(k.dir, folderOf(job.Report.Claim)) }

// get answers what is kept of a job.
func (k *keep) get(c wire.Claim) (keptJob, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	i := slices.IndexFunc(k.jobs, func(j keptJob) bool { return j.Report.Claim == c })
	if i < 0 {
		return keptJob{}, false
	}
	return k.jobs[i], true
}

// claims answers whose logs are kept, the newest first.
func (k *keep) claims() []wire.Claim {
	k.mu.Lock()
	defer k.mu.Unlock()
	claims := make([]wire.Claim, 0, len(k.jobs))
	for _, job := range slices.Backward(k.jobs) {
		claims = append(claims, job.Report.Claim)
	}
	return claims
}

// prune drops what is too old, and the oldest as long as there is too much. What is used stays.
func (k *keep) prune(limit int64, used func(wire.Claim) bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if limit == 0 {
		limit = defaultKeepLogs
	}
	var size int64
	for _, job := range k.jobs {
		size += job.size
	}
	left := len(k.jobs)
	k.jobs = slices.DeleteFunc(k.jobs, func(job keptJob) bool {
		surplus := size > limit || left > wire.MaxKept || k.clock()-job.At > keepTime
		if !surplus || used(job.Report.Claim) {
			return false
		}
		size, left = size-job.size, left-1
		k.remove(job)
		return true
	})
}

// free drops the oldest that is not used, to make space. It answers false if there is none.
func (k *keep) free(used func(wire.Claim) bool) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	i := slices.IndexFunc(k.jobs, func(job keptJob) bool { return !used(job.Report.Claim) })
	if i < 0 {
		return false
	}
	k.remove(k.jobs[i])
	k.jobs = slices.Delete(k.jobs, i, i+1)
	return true
}

// remove drops what is kept of a job. If the disk refuses, the next start of the agent finds it again.
func (k *keep) remove(job keptJob) {
	if err := os.RemoveAll(k.folder(job)); err != nil {
		k.log.Error("logs of a finished job cannot be removed", "run", job.Report.Run, "job", job.Report.Job, "error", err)
	}
}

// sizeOf answers how many bytes are in the files of a folder.
func sizeOf(dir string) (size int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		size += info.Size()
		return err
	})
	return size, err
}
