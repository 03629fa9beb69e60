//go:build linux

package pid1

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
)

// A sharedFile is /etc/hosts and the like. Docker mounts the same file into every container of a network namespace, so what
// one activity writes there would be seen by all later ones, whatever container they get.
type sharedFile struct {
	path string
	file *os.File // opened before any process of the user could swap the path

	content []byte
	stat    syscall.Stat_t
}

func openShared(path string) (*sharedFile, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	return &sharedFile{path: path, file: f}, nil
}

// remember keeps the file as it is. No process of any activity runs now.
func (s *sharedFile) remember() (err error) {
	if s.stat, err = s.now(); err != nil {
		return err
	}
	s.content, err = io.ReadAll(io.NewSectionReader(s.file, 0, s.stat.Size))
	return err
}

// restore puts the file back as it was, if it changed.
func (s *sharedFile) restore() (changed bool, err error) {
	stat, err := s.now()
	// Clocks of file systems are coarse: the time alone may hide a change that came at once.
	same := stat.Ctim == s.stat.Ctim && stat.Size == s.stat.Size && stat.Mode == s.stat.Mode && stat.Uid == s.stat.Uid && stat.Gid == s.stat.Gid
	if err != nil || s.stat.Ino == 0 || same {
		return false, err
	}
	_, writeErr := s.file.WriteAt(s.content, 0)
	err = errors.Join(
		writeErr,
		s.file.Truncate(int64(len(s.content))),
		s.file.Chown(int(s.stat.Uid), int(s.stat.Gid)),
		syscall.Fchmod(int(s.file.Fd()), s.stat.Mode&0o7777),
	)
	if err != nil {
		return true, fmt.Errorf("putting %s back as it was: %w", s.path, err)
	}
	return true, nil
}

func (s *sharedFile) now() (stat syscall.Stat_t, err error) {
	err = syscall.Fstat(int(s.file.Fd()), &stat)
	return stat, err
}
