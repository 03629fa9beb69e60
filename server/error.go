package server

import (
	"errors"
	"fmt"
	"strings"
)

// A Kind is what an error means to the caller. The list is closed; package api maps it to HTTP and back.
type Kind string

// The kinds.
const (
	Invalid      Kind = "invalid"      // the request cannot be meant so
	Unauthorized Kind = "unauthorized" // no token, or a wrong one
	Forbidden    Kind = "forbidden"    // a right token that may not do this
	NotFound     Kind = "not_found"
	Conflict     Kind = "conflict"    // with what is stored: a name that is taken, a run that is done
	Unavailable  Kind = "unavailable" // try again later
	Internal     Kind = "internal"    // ours; the user sees no cause
)

// An Error is an error whose sentence may be shown to a user.
type Error struct {
	Kind    Kind
	Message string // a sentence without a full stop: what is wrong and what to do
	Err     error  // the cause, for the server's log; never shown
}

func (e *Error) Error() string {
	if e.Err != nil && !strings.Contains(e.Message, e.Err.Error()) {
		return e.Message + ": " + e.Err.Error()
	}
	return e.Message
}

// Unwrap answers the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an Error. A %w in the format becomes its cause as well as part of its sentence.
func Errorf(kind Kind, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Kind: kind, Message: err.Error(), Err: errors.Unwrap(err)}
}

// KindOf answers the kind of err: Internal for an error that is none of ours.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}
