package server

import "github.com/tutti-ci/tutti/dsl/plan"

// MaxInstances bounds the jobs of a run, the instances of its matrices included, also where these come to be while it runs.
const MaxInstances = 5000

// A Pending is a node of a run that goes on only once the compiler has answered.
type Pending struct {
	JobRef
	// Concluding says that the job has ended on its agent, and that what it puts out for other jobs has to be computed. Else
	// what it needs has ended, and it has to be planned anew.
	Concluding bool
}

// A Known is all that a run knows now about a node and what it refers to. It holds sensitive values and goes to the compiler
// only, never to people.
type Known struct {
	Project  string
	Pipeline string
	// Job is the node, Outputs and all; Plan is what it is to do.
	Job  Job
	Plan plan.Job
	// Result is how a job that is to be concluded ended on its agent.
	Result plan.Result
	// Needs are the nodes that it needs (an instance of a matrix: that its matrix needs), each followed by its instances.
	Needs []Job
}

// An Answer is what the server says to an agent that is about to begin an activity that is Late in its plan.
type Answer struct {
	// Activity is the activity as it is to run.
	Activity plan.Activity
	// Masks are values that the job's logs must not show from here on.
	Masks []string
	// Problem says why the activity cannot run; the rest is then empty.
	Problem string
}
