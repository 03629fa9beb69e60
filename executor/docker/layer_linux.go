package docker

import (
	"fmt"
	"io/fs"
	"syscall"
)

func fingerprint(info fs.FileInfo) string {
	s := info.Sys().(*syscall.Stat_t)
	return fmt.Sprintf("%v %d:%d %d %d %d.%09d", info.Mode(), s.Uid, s.Gid, s.Ino, s.Rdev, s.Ctim.Sec, s.Ctim.Nsec)
}
