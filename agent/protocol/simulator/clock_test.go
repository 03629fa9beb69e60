package simulator

import "time"

// A machine has a clock of its own, can sleep, and can go down.
type machine struct {
	w        *world
	name     string
	rate     float64       // of its clock: 0.99 to 1.01
	on       bool          // it is up
	booted   time.Duration // true time
	boots    int           // counts them: the boot id
	asleep   bool
	woke     time.Duration // true time
	waiting  []func()      // what came due in its sleep
	wall     time.Duration // how far its wall clock is off
	stops    bool          // its clock stands still while it sleeps (the server's)
	sleeping time.Duration // since when, true time
	slept    time.Duration // of true time, since the boot
}

func newMachine(w *world, name string) machine {
	return machine{w: w, name: name, rate: pick(w, 0.99, 1.01, 0.99+0.02*w.rng.Float64())}
}

// clock is what the machine's monotonic clock shows.
func (m *machine) clock() time.Duration {
	real := m.w.now - m.booted
	if m.stops {
		real -= m.slept
		if m.asleep {
			real -= m.w.now - m.sleeping
		}
	}
	return time.Duration(float64(real) * m.rate)
}

// after has something happen on the machine after a time by its own clock, unless it is booted before. What comes due while it
// sleeps happens when it wakes.
func (m *machine) after(d time.Duration, do func()) {
	boot := m.boots
	m.w.after(time.Duration(float64(d)/m.rate)+time.Nanosecond, func() { m.run(boot, do) })
}

func (m *machine) run(boot int, do func()) {
	switch {
	case !m.on || m.boots != boot:
	case m.asleep:
		m.waiting = append(m.waiting, func() { m.run(boot, do) })
	default:
		do()
	}
}

func (m *machine) start() {
	m.on, m.booted, m.asleep, m.waiting, m.slept = true, m.w.now, false, nil, 0
	m.boots++
}

func (m *machine) sleep(d time.Duration) {
	if !m.on || m.asleep {
		return
	}
	m.w.say(m.name, "falls asleep for %s", d)
	m.asleep, m.sleeping = true, m.w.now
	boot := m.boots
	m.w.after(d, func() {
		if m.boots == boot {
			m.wake()
		}
	})
}

func (m *machine) wake() {
	if !m.on || !m.asleep {
		return
	}
	m.w.say(m.name, "wakes")
	m.asleep, m.woke = false, m.w.now
	m.slept += m.w.now - m.sleeping
	due := m.waiting
	m.waiting = nil
	for _, do := range due {
		m.w.after(m.w.between(0, 200*time.Millisecond), do)
	}
}
