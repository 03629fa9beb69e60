package agent

import (
	"time"

	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/executor"
)

// journalVersion is the version of what records mean. An agent refuses a journal of a newer one.
const journalVersion = 2

// A record is one line of the journal; one of its fields is set.
type record struct {
	Version int          `json:"version,omitempty"` // in the first one
	Hold    *wire.Offer  `json:"hold,omitempty"`
	Start   *startOf     `json:"start,omitempty"`
	Report  *wire.Report `json:"report,omitempty"`
	Going   *going       `json:"going,omitempty"`
	End     *endOf       `json:"end,omitempty"`
	Damaged *wire.Claim  `json:"damaged,omitempty"`
	Forget  *wire.Claim  `json:"forget,omitempty"`

	synced bool // it has to survive the end of the host, whatever it is
}

// startOf notes that processes of a job may run from now on.
type startOf struct {
	wire.Claim
	Boot string        `json:"boot"` // of the host
	At   time.Duration `json:"at"`   // by the clock of that boot
}

// going notes that a process of an activity is about to begin.
type going struct {
	wire.Claim
	Activity string            `json:"activity"`
	At       time.Duration     `json:"at"`
	Progress executor.Progress `json:"progress"`
}

// endOf notes how a job ended, before its room is given up. Its logs may still have to be shipped.
type endOf struct {
	wire.Claim
	Result plan.Result `json:"result"`
	Cause  string      `json:"cause,omitempty"`
}

// claim answers whose record it is.
func (r record) claim() (wire.Claim, bool) {
	switch {
	case r.Hold != nil:
		return r.Hold.Claim, true
	case r.Start != nil:
		return r.Start.Claim, true
	case r.Report != nil:
		return r.Report.Claim, true
	case r.Going != nil:
		return r.Going.Claim, true
	case r.End != nil:
		return r.End.Claim, true
	case r.Damaged != nil:
		return *r.Damaged, true
	case r.Forget != nil:
		return *r.Forget, true
	}
	return wire.Claim{}, false
}

// durable says whether a record, and all before it, has to survive the end of the host, too, and not only that of the agent. With the
// host its containers end; all that is known of a job then is that it is lost, unless it had ended. A forgotten job the server knows.
func (r record) durable() bool { return r.synced || r.Hold != nil || r.Start != nil || r.End != nil }

// An entry is what the journal knows of a job that the agent holds.
type entry struct {
	Offer   wire.Offer
	Start   *startOf    // a process of the user may have run since
	Going   []going     // in their order
	Report  wire.Report // the last one; the zero Report if there was none
	End     *endOf      // nil if it was not known yet
	Damaged bool        // some of its records could not be read
}

// outcome answers how the job ended, if it did.
func (e *entry) outcome() (_ executor.Outcome, over bool) {
	switch {
	case e.Report.Result != "":
		return executor.Outcome{Result: e.Report.Result, Cause: e.Report.Cause}, true
	case e.End != nil:
		return executor.Outcome{Result: e.End.Result, Cause: e.End.Cause}, true
	}
	return executor.Outcome{}, false
}

// records answers what makes the entry again.
func (e *entry) records() []record {
	recs := []record{{Hold: &e.Offer}}
	if e.Start != nil {
		recs = append(recs, record{Start: e.Start})
	}
	for i := range e.Going {
		recs = append(recs, record{Going: &e.Going[i]})
	}
	if e.Report.Revision > 0 {
		recs = append(recs, record{Report: &e.Report})
	}
	if e.End != nil {
		recs = append(recs, record{End: e.End})
	}
	if e.Damaged {
		recs = append(recs, record{Damaged: &e.Offer.Claim})
	}
	return recs
}

// entries are those of all jobs that a journal holds.
type entries map[wire.Claim]*entry

// apply takes in a record. It answers false if the record is of a job of which nothing is known.
func (es entries) apply(rec record) bool {
	c, ok := rec.claim()
	if !ok {
		return true
	}
	e := es[c]
	if rec.Hold != nil && e == nil {
		es[c] = &entry{Offer: *rec.Hold}
		return true
	}
	if e == nil {
		return rec.Forget != nil
	}
	switch {
	case rec.Start != nil:
		e.Start = rec.Start
	case rec.Report != nil:
		e.Report = *rec.Report
		// One that ended has nothing to lose any more, unless it is not even known what it was.
		e.Damaged = e.Damaged && (e.Report.Result == "" || e.Offer.SHA256 == "")
	case rec.Going != nil:
		e.Going = append(e.Going, *rec.Going)
	case rec.End != nil:
		e.End = rec.End
	case rec.Damaged != nil:
		e.Damaged = true
	case rec.Forget != nil:
		delete(es, c)
	}
	return true
}

// replay answers the entries of a journal, and whether any of it is damaged.
func replay(found []finding) (held entries, damaged bool) {
	held = make(entries)
	for _, f := range found {
		damaged = damaged || !f.whole
		if f.record == nil {
			held.hurt(f.whose)
			continue
		}
		if held.apply(*f.record) || !damaged {
			continue
		}
		// Its first record was among the damaged ones.
		c, _ := f.record.claim()
		held[c] = &entry{Offer: wire.Offer{Claim: c}, Damaged: true}
		held.apply(*f.record)
	}
	return held, damaged
}

// hurt notes that a record of a job could not be read, or of any of those that there are.
func (es entries) hurt(owner uint32) {
	for c, e := range es {
		if _, over := e.outcome(); !over && (owner == 0 || owner == whose(c)) {
			e.Damaged = true
		}
	}
}
