package dsl

import (
	"slices"

	"github.com/tutti-ci/tutti/dsl/plan"
)

// A Request is all that a compilation needs, in one piece, so that it can be sent to another process.
type Request struct {
	Files []File `json:"files"`
	Event Event  `json:"event"`
	// Pipeline is the one to compile, whatever the event; empty means all that the event starts.
	Pipeline string            `json:"pipeline,omitempty"`
	Inputs   map[string]string `json:"inputs,omitempty"`
}

// A Response is what became of a Request.
type Response struct {
	Pipelines []PipelineInfo `json:"pipelines,omitempty"` // that the files declare; none if they have mistakes
	Matches   []Match        `json:"matches,omitempty"`
	// Plans are one for each pipeline that was asked for, or that the event starts, and that could be compiled.
	Plans []*plan.Plan `json:"plans,omitempty"`
	// Problems are those of the files, and of every pipeline that could not be compiled.
	Problems []plan.Problem `json:"problems,omitempty"`
	// Failures are the pipelines that could not be compiled though the files are right, each with its part of Problems.
	Failures []Failure `json:"failures,omitempty"`
}

// A Failure is a pipeline that has no plan for an event.
type Failure struct {
	Pipeline string         `json:"pipeline"`
	Problems []plan.Problem `json:"problems"`
}

// Failed says whether anything in the response is an error.
func (r Response) Failed() bool {
	for _, p := range r.Problems {
		if p.Severity == plan.Error {
			return true
		}
	}
	return false
}

// Compile answers a request in this process. Who compiles for others does it in another one: see package caged.
func Compile(req Request) Response {
	config, list := Parse(req.Files)
	res := Response{Problems: list}
	if config == nil {
		return res
	}
	res.Pipelines, res.Matches = config.Pipelines(), config.Match(req.Event)
	names := []string{req.Pipeline}
	if req.Pipeline == "" {
		names = nil
		for _, m := range res.Matches {
			if m.Starts {
				names = append(names, m.Pipeline)
			}
		}
	}
	for _, name := range names {
		made, list := config.Compile(name, req.Event, req.Inputs)
		if made == nil {
			res.Failures = append(res.Failures, Failure{name, list})
		} else {
			res.Plans = append(res.Plans, made)
		}
		for _, p := range list { // warnings were mostly seen with unknown values already
			if !slices.Contains(res.Problems, p) {
				res.Problems = append(res.Problems, p)
			}
		}
	}
	return res
}
