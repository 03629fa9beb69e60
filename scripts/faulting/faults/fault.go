// Package faults is the list of what is done to Tutti, and what has to come of it.
//
// It owns one function for each fault. A fault is injected into real processes, and judged by what the oracle, Docker and the kernel
// say, and by the words that people get to read.
package faults

import (
	"slices"
	"time"

	"github.com/tutti-ci/tutti/scripts/faulting/lab"
)

// A Fault is one line of the matrix.
type Fault struct {
	Name   string
	What   string // what breaks, and when
	How    string // how it is broken here: "kill", "failpoint", "proxy", ...
	Expect string // what people see, in one sentence
	CI     bool   // it is one of those that continuous integration tries
	Alone  bool   // it takes the whole machine, or measures it
	Limit  time.Duration
	Run    func(t *lab.T)
}

// All lists the faults, by what they hurt.
func All() []Fault {
	all := slices.Concat(agentFaults(), pointFaults(), serverFaults(), dockerFaults(), networkFaults(), diskFaults(), stateFaults(),
		userFaults(), adminFaults(), limitFaults())
	for i := range all {
		if all[i].Limit == 0 {
			all[i].Limit = 3 * time.Minute
		}
	}
	return all
}

// worksOn wants one more run to pass.
func worksOn(l *lab.Lab) { l.Start("next", lab.Lines("one", "-count 10")).Same(time.Minute) }
