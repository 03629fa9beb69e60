package simulator

import "time"

const (
	stallLimit = 30 * time.Second // for which unacknowledged bytes are tried again
	idleLimit  = 45 * time.Second // without a word
)

// A direction is one of the two of a link.
type direction int

const (
	up   direction = iota // to the server
	down                  // to the agent
)

// A link is the way between an agent's host and the server. It outlives connections.
type link struct {
	blocked [2]bool
	slow    time.Duration
	conns   []*conn
}

// A conn is a connection with two channels, for control messages and logs. An end that closes it is noticed by the other end as long
// as the link lets that through.
type conn struct {
	w     *world
	link  *link
	lanes [2]*lane
	ends  [2]*end // up: the server's end; down: the agent's
}

// An end is one party's side of a connection.
type end struct {
	open    bool
	hear    func(m any)
	lost    func(why string)
	heardAt time.Duration // true time
	via     *machine
}

// A lane is the messages of a connection in one direction.
type lane struct {
	last    [2]time.Duration // when the last message of each channel arrives
	stalled []func()
	since   time.Duration
}

func (w *world) connect(l *link, server, agent *end) *conn {
	c := &conn{w: w, link: l, ends: [2]*end{up: server, down: agent}, lanes: [2]*lane{{}, {}}}
	for _, e := range c.ends {
		e.open, e.heardAt = true, w.now
		c.watch(e)
	}
	l.conns = append(l.conns, c)
	return c
}

// watch closes an end that hears nothing.
func (c *conn) watch(e *end) {
	e.via.after(idleLimit/3, func() {
		if !e.open {
			return
		}
		if c.w.now-e.heardAt >= idleLimit {
			c.close(e, "nothing was heard")
			return
		}
		c.watch(e)
	})
}

// send has a message arrive at the other end, some time, perhaps. Logs travel apart from the rest.
func (c *conn) send(d direction, m any, logs bool) {
	if !c.ends[1-d].open {
		return
	}
	c.travel(d, logs, func() {
		if to := c.ends[d]; to.open {
			to.heardAt = c.w.now
			to.hear(m)
		}
	})
	if c.w.chance(c.w.manners.repeat) && !c.w.calm {
		c.travel(d, logs, func() {
			if to := c.ends[d]; to.open {
				to.hear(m)
			}
		})
	}
}

func (c *conn) travel(d direction, logs bool, arrive func()) {
	lane := c.lanes[d]
	if c.link.blocked[d] {
		if len(lane.stalled) == 0 {
			lane.since = c.w.now
			since := c.w.now
			c.w.after(stallLimit, func() {
				if len(lane.stalled) > 0 && lane.since == since {
					c.close(c.ends[1-d], "what was sent is not acknowledged")
				}
			})
		}
		lane.stalled = append(lane.stalled, arrive)
		return
	}
	channel := 0
	if logs {
		channel = 1
	}
	at := c.w.now + c.w.between(time.Millisecond, c.w.manners.delay) + c.link.slow
	if !c.w.chance(c.w.manners.reorder) || c.w.calm {
		at = max(at, lane.last[channel])
	}
	lane.last[channel] = max(at, lane.last[channel])
	to := c.ends[d].via
	boot := to.boots
	c.w.after(at-c.w.now, func() {
		if c.link.blocked[d] {
			lane.stalled = append(lane.stalled, arrive)
			if len(lane.stalled) == 1 {
				lane.since = c.w.now
			}
			return
		}
		to.run(boot, arrive)
	})
}

// close closes one end; the other one hears of it if the link lets it through.
func (c *conn) close(e *end, why string) {
	if !e.open {
		return
	}
	e.open = false
	e.lost(why)
	d := up
	if e == c.ends[up] {
		d = down
	}
	other := c.ends[d]
	c.travel(d, false, func() {
		if other.open {
			other.open = false
			other.lost("the other end closed it")
		}
	})
}

// cut breaks all connections of a link; each end hears of it at once, or only after a while.
func (l *link) cut(w *world) {
	for _, c := range l.conns {
		for _, e := range c.ends {
			if e.open {
				w.after(pick(w, 0, w.between(0, idleLimit)), func() { c.drop(e) })
			}
		}
		for _, lane := range c.lanes {
			lane.stalled = nil
		}
	}
	l.tidy()
}

func (c *conn) drop(e *end) {
	if e.open {
		e.open = false
		e.lost("the connection broke")
	}
}

// block stops all that goes in a direction.
func (l *link) block(d direction, blocked bool) {
	l.blocked[d] = blocked
	if blocked {
		return
	}
	for _, c := range l.conns {
		late := c.lanes[d].stalled
		c.lanes[d].stalled = nil
		to := c.ends[d].via
		for _, arrive := range late {
			to.run(to.boots, arrive)
		}
	}
	l.tidy()
}

func (l *link) tidy() {
	var open []*conn
	for _, c := range l.conns {
		if c.ends[up].open || c.ends[down].open {
			open = append(open, c)
		}
	}
	l.conns = open
}
