package server

import (
	"errors"
	"fmt"
)

// A LogGapError refuses bytes that begin behind the end of a log.
type LogGapError struct {
	End int64 // where the log ends: the next byte that is wanted
}

func (e *LogGapError) Error() string { return fmt.Sprintf("bytes are missing from %d on", e.End) }

// ErrLogDiverged refuses bytes that differ from those that a log holds at the same place.
var ErrLogDiverged = errors.New("the bytes differ from those that were stored before")

// ErrLogFinished refuses bytes that would be added to a finished log.
var ErrLogFinished = errors.New("the log is finished")

// A LogMissingError says that a log cannot be finished yet.
type LogMissingError struct {
	Have, Want int64 // bytes
}

func (e *LogMissingError) Error() string {
	return fmt.Sprintf("%d of %d bytes are missing", e.Want-e.Have, e.Want)
}

// A LogMismatchError says that a log can never be finished as it was announced, whatever is sent.
type LogMismatchError struct {
	Have, Want             int64 // bytes
	HaveSHA256, WantSHA256 string
}

func (e *LogMismatchError) Error() string {
	if e.Have != e.Want {
		return fmt.Sprintf("the server holds %d bytes, but the agent says that there are %d", e.Have, e.Want)
	}
	return fmt.Sprintf("the SHA-256 of the server's bytes is %s, that of the agent's %s", e.HaveSHA256, e.WantSHA256)
}

// A LogDamagedError says that bytes of a log are not what was written: the server's disk changed them.
type LogDamagedError struct {
	At int64 // all before is good
}

func (e *LogDamagedError) Error() string {
	return fmt.Sprintf("the bytes from %d on were damaged on the server's disk", e.At)
}
