package agent

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

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

func (s *spool) folder(c wire.Claim) string { return filepath.Join(s.dir, folderOf(c)) }

// folderOf names what belongs to a job.
func folderOf(c wire.Claim) string { return fmt.Sprintf("%d-%s-e%d", c.Run, c.Job, c.Epoch) }

var folderName = regexp.MustCompile(`^([0-9]{1,18})-(.+)-e([0-9]{1,18})$`)

// claimOf answers whose folder it is.
func claimOf(folder string) (wire.Claim, bool) {
	part := folderName.FindStringSubmatch(folder)
	if part == nil {
		return wire.Claim{}, false
	}
	run, err1 := strconv.ParseInt(part[1], 10, 64)
	epoch, err2 := strconv.ParseInt(part[3], 10, 64)
	return wire.Claim{Run: run, Job: part[2], Epoch: epoch}, err1 == nil && err2 == nil
}

// with answers the activities of a job that have a file with this suffix.
func (s *spool) with(c wire.Claim, suffix string) (activities []string, err error) {
	found, err := os.ReadDir(s.folder(c))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking into the spool of a job: %w", err)
	}
	for _, each := range found {
		if name, ok := strings.CutSuffix(each.Name(), suffix); ok {
			activities = append(activities, name)
		}
	}
	return activities, nil
}

func (s *spool) logPath(c wire.Claim, activity string) string {
	return filepath.Join(s.folder(c), activity+logSuffix)
}

const logSuffix = ".log"

func (s *spool) marksPath(c wire.Claim, activity string) string {
	return filepath.Join(s.folder(c), activity+".marks")
}

// create makes the two files of an activity. The caller closes them.
func (s *spool) create(c wire.Claim, activity string) (log, marks *os.File, err error) {
	if err := os.MkdirAll(s.folder(c), 0o700); err != nil {
		return nil, nil, fmt.Errorf("making the spool of a job: %w", err)
	}
	return s.open(c, activity, os.O_CREATE|os.O_TRUNC)
}

// reopen opens the two files of an activity that runs already, to go on behind what they hold: no byte of them changes. The caller
// closes them.
func (s *spool) reopen(c wire.Claim, activity string) (log, marks *os.File, err error) {
	if err := os.MkdirAll(s.folder(c), 0o700); err != nil {
		return nil, nil, fmt.Errorf("making the spool of a job: %w", err)
	}
	return s.open(c, activity, os.O_CREATE)
}

func (s *spool) open(c wire.Claim, activity string, how int) (log, marks *os.File, err error) {
	flags := os.O_RDWR | os.O_APPEND | how
	if log, err = os.OpenFile(s.logPath(c, activity), flags, 0o600); err != nil {
		return nil, nil, fmt.Errorf("making the spool of %s: %w", activity, err)
	}
	if marks, err = os.OpenFile(s.marksPath(c, activity), flags, 0o600); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("making the spool of %s: %w", activity, err), log.Close())
	}
	return log, marks, nil
}

// ends answers how much of a log that is being written can be sent: what has its marks. Whoever writes it puts the bytes first, and then
// their mark.
func ends(log, marks *os.File) (logEnd, marksEnd int64, err error) {
	info, err := marks.Stat()
	if err != nil {
		return 0, 0, fmt.Errorf("measuring the spool: %w", err)
	}
	marksEnd = info.Size() - info.Size()%wire.MarkSize
	if marksEnd == 0 {
		return 0, 0, nil
	}
	var last [wire.MarkSize]byte
	if _, err := marks.ReadAt(last[:], marksEnd-wire.MarkSize); err != nil {
		return 0, 0, fmt.Errorf("measuring the spool: %w", err)
	}
	if info, err = log.Stat(); err != nil {
		return 0, 0, fmt.Errorf("measuring the spool: %w", err)
	}
	return min(markEnd(last[:]), info.Size()), marksEnd, nil
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

// keepOnly drops what belongs to none of these jobs from a folder.
func keepOnly(dir string, claims []wire.Claim) error {
	keep := make(map[string]bool)
	for _, c := range claims {
		keep[folderOf(c)] = true
	}
	found, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("tidying %s: %w", dir, err)
	}
	var errs []error
	for _, each := range found {
		if !keep[each.Name()] {
			errs = append(errs, os.RemoveAll(filepath.Join(dir, each.Name())))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("tidying %s: %w", dir, err)
	}
	return nil
}
