package server

import "errors"

// A File is a file of a commit.
type File struct {
	Name string // relative to the root of the repository, as in ".tutti/ci.hcl"
	Data []byte
}

// A TreeFile is an entry of a commit's list of files.
type TreeFile struct {
	Path string
	Hash string // git's
	Link bool   // a symbolic link
}

// ErrNoFolder says that a commit has no such folder.
var ErrNoFolder = errors.New("the commit has no such folder")
