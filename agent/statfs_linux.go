package agent

import "golang.org/x/sys/unix"

// fileSystem answers the type of the file system of a folder, see statfs(2).
func fileSystem(dir string) (int64, error) {
	var s unix.Statfs_t
	err := unix.Statfs(dir, &s)
	return int64(s.Type), err
}

// freeSpace answers how many bytes can be written on the disk of a folder.
func freeSpace(dir string) (int64, error) {
	var s unix.Statfs_t
	err := unix.Statfs(dir, &s)
	return int64(s.Bavail) * s.Bsize, err
}
