package agent

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/tutti-ci/tutti/agent/wire"
)

// A spool is the folder where logs are kept until the server has them: for each activity a file of its bytes and one of
// its marks.
type spool struct{ dir string }

func openSpool(dir string) (*spool, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the spool: %w", err)
	}
	return &spool{dir: dir}, nil
}

func (s *spool) folder(c wire.Claim) string {
	return filepath.Join(s.dir, fmt.Sprintf("%d-%s-e%d", c.Run, c.Job, c.Epoch))
}

func (s *spool) logPath(c wire.Claim, activity string) string {
	return filepath.Join(s.folder(c), activity+".log")
}

func (s *spool) marksPath(c wire.Claim, activity string) string {
	return filepath.Join(s.folder(c), activity+".marks")
}

// create makes the two files of an activity. The caller closes them.
func (s *spool) create(c wire.Claim, activity string) (log, marks *os.File, err error) {
	if err := os.MkdirAll(s.folder(c), 0o700); err != nil {
		return nil, nil, fmt.Errorf("making the spool of a job: %w", err)
	}
	const flags = os.O_RDWR | os.O_CREATE | os.O_TRUNC | os.O_APPEND
	if log, err = os.OpenFile(s.logPath(c, activity), flags, 0o600); err != nil {
		return nil, nil, fmt.Errorf("making the spool of %s: %w", activity, err)
	}
	if marks, err = os.OpenFile(s.marksPath(c, activity), flags, 0o600); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("making the spool of %s: %w", activity, err), log.Close())
	}
	return log, marks, nil
}

// measure reads a log: its length, its hash, and the length of its marks.
func (s *spool) measure(c wire.Claim, activity string) (length int64, hash string, marks int64, err error) {
	file, err := os.Open(s.logPath(c, activity))
	if err != nil {
		return 0, "", 0, fmt.Errorf("measuring the log of %s: %w", activity, err)
	}
	defer file.Close() // only read
	sum := sha256.New()
	if length, err = io.Copy(sum, file); err != nil {
		return 0, "", 0, fmt.Errorf("measuring the log of %s: %w", activity, err)
	}
	info, err := os.Stat(s.marksPath(c, activity))
	if err != nil {
		return 0, "", 0, fmt.Errorf("measuring the log of %s: %w", activity, err)
	}
	return length, hex.EncodeToString(sum.Sum(nil)), info.Size(), nil
}

// remove drops the logs of a job.
func (s *spool) remove(c wire.Claim) error {
	if err := os.RemoveAll(s.folder(c)); err != nil {
		return fmt.Errorf("removing the spool of a job: %w", err)
	}
	return nil
}

// keepOnly drops what belongs to none of these jobs.
func (s *spool) keepOnly(claims []wire.Claim) error {
	keep := make(map[string]bool)
	for _, c := range claims {
		keep[filepath.Base(s.folder(c))] = true
	}
	found, err := os.ReadDir(s.dir)
	if err != nil {
		return fmt.Errorf("tidying the spool: %w", err)
	}
	var errs []error
	for _, each := range found {
		if !keep[each.Name()] {
			errs = append(errs, os.RemoveAll(filepath.Join(s.dir, each.Name())))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("tidying the spool: %w", err)
	}
	return nil
}
