package server

import (
	"encoding/json"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
)

// A RunID numbers the runs of a server, from 1.
type RunID int64

// A Run is one execution of one pipeline for one event. The JSON form of this and the other nouns is the API's.
type Run struct {
	ID       RunID             `json:"id"`
	Project  string            `json:"project"`
	Pipeline string            `json:"pipeline,omitempty"` // empty where the pipeline files could not be read
	Event    Event             `json:"event"`
	Inputs   map[string]string `json:"inputs,omitempty"`
	State    plan.State        `json:"state"`
	Result   plan.Result       `json:"result,omitempty"`
	Cause    string            `json:"cause,omitempty"`
	// WaitsFor says in words what a waiting run waits for: its turn in a concurrency group.
	WaitsFor string `json:"waits_for,omitempty"`
	// Concurrency is the group that it takes turns in.
	Concurrency *plan.Concurrency `json:"concurrency,omitempty"`
	// Problems are the compiler's words where the run failed before anything ran, or warned.
	Problems   []plan.Problem `json:"problems,omitempty"`
	CreatedAt  time.Time      `json:"created_at"`
	StartedAt  *time.Time     `json:"started_at,omitempty"` // of its first job
	FinishedAt *time.Time     `json:"finished_at,omitempty"`
	// Jobs are in the order of the plan. Lists of runs leave them out.
	Jobs []Job `json:"jobs,omitempty"`
}

// A Job is a node of a run: a job, a matrix that stands for its instances, or an approval. See plan.Job.
type Job struct {
	Name     string       `json:"name"`
	Kind     plan.Kind    `json:"kind,omitempty"`
	Of       string       `json:"of,omitempty"` // the matrix that it is an instance of
	Matrix   []plan.Value `json:"matrix,omitempty"`
	Needs    []string     `json:"needs,omitempty"`
	Optional []string     `json:"optional,omitempty"` // those of Needs that may have been skipped
	RunOn    plan.RunOn   `json:"run_on,omitempty"`
	// Deferred says that it is planned anew once what it needs has ended: it may become several, or be skipped.
	Deferred    bool   `json:"deferred,omitempty"`
	Environment string `json:"environment,omitempty"`
	// Approval is what an approval asks, and what became of it.
	Approval *Approval `json:"approval,omitempty"`
	// Outputs are the values for other jobs, once it is done; sensitive ones are left out.
	Outputs map[string]json.RawMessage `json:"outputs,omitempty"`
	Labels  []string                   `json:"labels,omitempty"`
	State   plan.State                 `json:"state"`
	Result  plan.Result                `json:"result,omitempty"`
	Cause   string                     `json:"cause,omitempty"`
	// WaitsFor says in words what a waiting or queued job waits for.
	WaitsFor   string     `json:"waits_for,omitempty"`
	Agent      string     `json:"agent,omitempty"` // name of the agent that has it, or had it
	Epoch      int64      `json:"epoch"`
	QueuedAt   *time.Time `json:"queued_at,omitempty"`
	StartedAt  *time.Time `json:"started_at,omitempty"`
	FinishedAt *time.Time `json:"finished_at,omitempty"`
	Activities []Activity `json:"activities"`
	// Note is what its agent said last of a job that went on: that the agent was restarted, say.
	Note string `json:"note,omitempty"`
	// Attempts are those before this one, the first one first. They were lost.
	Attempts []Attempt `json:"attempts,omitempty"`
}

// An Attempt is a try at a job that was lost and begun anew. Its logs stay, under its epoch.
type Attempt struct {
	Epoch      int64       `json:"epoch"`
	Agent      string      `json:"agent"` // its name
	Result     plan.Result `json:"result"`
	Cause      string      `json:"cause"`
	StartedAt  *time.Time  `json:"started_at,omitempty"`
	FinishedAt time.Time   `json:"finished_at"`
	Activities []Activity  `json:"activities"`
}

// Title names a job for people: "test (go 1.26, db 17)".
func (j Job) Title() string { return plan.Title(j.Name, j.Of, j.Matrix) }

// An Approval is a question to people, and their answer.
type Approval struct {
	Approvers []string `json:"approvers,omitempty"`
	Message   string   `json:"message,omitempty"`
	// AskedAt is when it began to wait for a person, Deadline when it fails if nobody answers; both are nil before.
	AskedAt  *time.Time `json:"asked_at,omitempty"`
	Deadline *time.Time `json:"deadline,omitempty"`
	// By decided so At; both are empty if nobody has.
	By      string     `json:"by,omitempty"`
	At      *time.Time `json:"at,omitempty"`
	Comment string     `json:"comment,omitempty"`
}

// A Decision is somebody's answer to an approval.
type Decision struct {
	Approve bool
	By      string
	Comment string
}

// An Activity is an activity of a job of a run.
type Activity struct {
	Name       string      `json:"name"`
	Image      string      `json:"image"`
	State      plan.State  `json:"state"`
	Result     plan.Result `json:"result,omitempty"`
	Cause      string      `json:"cause,omitempty"`
	ExitCode   *int        `json:"exit_code,omitempty"`
	Signal     string      `json:"signal,omitempty"`
	StartedAt  *time.Time  `json:"started_at,omitempty"`
	FinishedAt *time.Time  `json:"finished_at,omitempty"`
	// Uses is the definition that it comes from: "lib.acme.go_test".
	Uses string `json:"uses,omitempty"`
	// Outputs are the values that it put out; sensitive ones are left out. Tries are those before the last.
	Outputs map[string]json.RawMessage `json:"outputs,omitempty"`
	Tries   []Try                      `json:"tries,omitempty"`
	// LogBytes is the length of the log that the server holds. LogSHA256 (hex) is known once the activity is done; the log is
	// then complete unless LogIncomplete says what is missing.
	LogBytes      int64  `json:"log_bytes"`
	LogSHA256     string `json:"log_sha256,omitempty"`
	LogIncomplete string `json:"log_incomplete,omitempty"`
	// LogOmitted is how many bytes the agent left out of a log that had too many; the log says where.
	LogOmitted int64 `json:"log_omitted,omitempty"`
}

// A Try is one of several of the same activity; they share a log.
type Try struct {
	Cause  string `json:"cause"`
	LogEnd int64  `json:"log_end"` // where its bytes end
}

// An Event is what started a run.
type Event struct {
	Kind   string `json:"kind"`          // "push", "manual" and so on: see package dsl
	Ref    string `json:"ref,omitempty"` // "refs/heads/main"
	Branch string `json:"branch,omitempty"`
	Tag    string `json:"tag,omitempty"`
	Commit string `json:"commit"`          // full hash
	Title  string `json:"title,omitempty"` // first line of the commit's message
	Actor  string `json:"actor,omitempty"` // who wrote the commit, or who started the run
	// Source is the pipeline whose end started this one, Schedule the cron expression that did.
	Source   string `json:"source,omitempty"`
	Schedule string `json:"schedule,omitempty"`
	// Message is the whole message of the commit, for the compiler; it is not stored.
	Message string `json:"-"`
}

// A LogID names the log of one activity of one try at a job.
type LogID struct {
	Run      RunID
	Job      string
	Epoch    int64
	Activity string
}

// A Change is one entry of the history of a run: who reads them in order sees every state that the run was ever in.
type Change struct {
	Seq  int64     `json:"seq"` // counts over all runs
	Run  RunID     `json:"run"`
	At   time.Time `json:"at"`
	Kind string    `json:"kind"` // "run", "job" or "activity"
	// Job and Activity say of what; State, Result, Cause and WaitsFor say how it is from now on.
	Job      string      `json:"job,omitempty"`
	Activity string      `json:"activity,omitempty"`
	State    plan.State  `json:"state"`
	Result   plan.Result `json:"result,omitempty"`
	Cause    string      `json:"cause,omitempty"`
	WaitsFor string      `json:"waits_for,omitempty"`
	// Note is what people should know of something that goes on as it was.
	Note string `json:"note,omitempty"`
}
