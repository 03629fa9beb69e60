package simulator

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/tutti-ci/tutti/agent/protocol"
)

// A broken says what is done wrong on purpose.
type broken struct {
	name                string
	ignoreEpoch         bool // the store takes whatever any epoch says
	startUnsynced       bool // the agent accepts and starts what its journal has not on disk
	noSlack             bool // the server gives up when the lease is over by its own clock, and not later
	noDeadMan           bool // the shim ends nothing by itself
	wallLease           bool // the shim looks at the wall clock
	ackEarly            bool // log bytes are acknowledged before they are durable
	appendAnyway        bool // log bytes that come again are appended again
	overwriteEnd        bool // a result replaces an earlier one
	anyTicket           bool // what an adopted room ran last is taken for what it was to run
	rerunAfterReboot    bool // a started job without a ticket runs anew although the host was booted since
	forgetfulCancel     bool // a cancel is only sent, not stored
	grantsAfterRestore  bool // a restored server gives out at once what may still run
	resultBeforeLogs    bool // a result is final before the logs are there
	renewFromReceipt    bool // the lease counts from when the answer came
	forgetsBeforeItEnds bool // the agent forgets a job that it is told to drop while it runs
}

// A world is all there is: it ends with the first violation.
type world struct {
	seed    uint64
	rng     *rand.Rand
	broken  broken
	now     time.Duration // true time, which no party knows
	queue   events
	counter int
	calm    bool // nothing breaks any more

	terms   protocol.Terms
	manners manners
	store   *model
	logs    *logStore
	server  *server
	hosts   []*host
	check   *checker

	failure string
	verbose func(line string) // told all that happens, if set
}

// manners are what the network of this world is like.
type manners struct {
	delay     time.Duration // the longest, usually
	repeat    float64       // of the messages come twice
	reorder   float64       // of the messages overtake others
	faultRate time.Duration // between faults
	points    float64       // of the steps at which a party is killed
	faults    []int         // the kinds that happen: not all in each world, so that each has worlds of its own
}

type event struct {
	at   time.Duration
	turn int
	do   func()
}

type events []event

func (q events) Len() int { return len(q) }
func (q events) Less(i, k int) bool {
	return q[i].at < q[k].at || q[i].at == q[k].at && q[i].turn < q[k].turn
}
func (q events) Swap(i, k int) { q[i], q[k] = q[k], q[i] }
func (q *events) Push(x any)   { *q = append(*q, x.(event)) }
func (q *events) Pop() any {
	old := *q
	last := old[len(old)-1]
	old[len(old)-1] = event{}
	*q = old[:len(old)-1]
	return last
}

const (
	turmoil   = time.Hour // in which things break
	jobCount  = 10
	hostCount = 3
)

func newWorld(seed uint64, b broken) *world {
	w := &world{seed: seed, rng: rand.New(rand.NewPCG(seed, 0x7457741)), broken: b}
	w.terms = protocol.Terms{Fence: pick(w, time.Minute, 2*time.Minute, protocol.DefaultFence, protocol.DefaultFence)}.OrDefault()
	w.manners = manners{
		delay: pick(w, 20*time.Millisecond, 300*time.Millisecond, 3*time.Second), faultRate: pick(w, 20*time.Second, time.Minute, 3*time.Minute),
		points: pick(w, 0, 0.01, 0.03),
	}
	if w.chance(0.4) {
		w.manners.repeat, w.manners.reorder = 0.1, 0.1
	}
	for kind := range faultKinds {
		if w.chance(0.4) {
			w.manners.faults = append(w.manners.faults, kind)
		}
	}
	w.manners.faults = append(w.manners.faults, w.rng.IntN(faultKinds))
	w.check = newChecker(w)
	w.store = newModel(w)
	w.logs = newLogStore(w)
	w.server = newServer(w)
	for i := range hostCount {
		w.hosts = append(w.hosts, newHost(w, fmt.Sprintf("a%d", i+1)))
	}
	if w.chance(0.4) { // the worst that clocks may be
		w.server.rate = 1.01
		for _, h := range w.hosts {
			h.rate = 0.99
		}
	}
	return w
}

// after has something happen later.
func (w *world) after(d time.Duration, do func()) {
	w.counter++
	heap.Push(&w.queue, event{w.now + max(0, d), w.counter, do})
}

// play runs the world to its end and answers what was violated.
func (w *world) play() string {
	w.server.boot()
	for _, h := range w.hosts {
		h.turnOn()
	}
	w.people()
	w.after(w.between(0, w.manners.faultRate), w.fault)
	w.after(turmoil, w.calmDown)
	for len(w.queue) > 0 && w.failure == "" {
		next := heap.Pop(&w.queue).(event)
		w.now = next.at
		happen(next.do)
		w.check.step()
		if w.calm && w.check.over() {
			break
		}
	}
	if w.failure == "" {
		w.check.end()
	}
	return w.failure
}

// killed is what a party that is killed in the middle of something unwinds with.
type killed struct{}

// happen does what is due, up to where somebody is killed who does it.
func happen(do func()) {
	defer func() {
		if r := recover(); r != nil && r != (any)(killed{}) {
			panic(r)
		}
	}()
	do()
}

// fail notes the first violation.
func (w *world) fail(format string, args ...any) {
	if w.failure != "" {
		return
	}
	w.failure = fmt.Sprintf(format, args...)
	w.say("world", "VIOLATED: %s", w.failure)
}

// say notes what happens.
func (w *world) say(who, format string, args ...any) {
	if w.verbose == nil {
		return
	}
	w.verbose(fmt.Sprintf("%12.3fs %-7s ", w.now.Seconds(), who) + fmt.Sprintf(format, args...))
}

func (w *world) chance(p float64) bool { return w.rng.Float64() < p }

func (w *world) between(low, high time.Duration) time.Duration {
	return low + time.Duration(w.rng.Int64N(int64(high-low)+1))
}

func pick[T any](w *world, from ...T) T { return from[w.rng.IntN(len(from))] }
