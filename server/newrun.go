package server

import (
	"errors"

	"github.com/tutti-ci/tutti/dsl/plan"
)

// ErrNotNext says that a run cannot have the number that it was planned with, because another one has it.
var ErrNotNext = errors.New("the number of the run is not the next one")

// A NewRun is a run to be stored, with the plan that it follows; the plan is nil for a run that never runs.
type NewRun struct {
	Run  Run
	Plan *plan.Plan
	// Source is what the plan was made of (a dsl.Request, in JSON): it is needed again for what is not known yet.
	Source []byte
}

// A Move is a branch or tag of a project that points to another commit than it did.
type Move struct {
	Project string
	Ref     string // "refs/heads/main"
	From    string // the commit that the server knew; empty for a ref that is new
	To      string // empty for a ref that was deleted
}
