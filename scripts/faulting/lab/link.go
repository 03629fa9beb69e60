package lab

import (
	"github.com/tutti-ci/tutti/agent/wire/wiretest"
)

// A Link is a network between the agents and the server, or between the server and its readers.
type Link struct {
	*wiretest.Link
	t *T
}

// Link makes a network before an address. It ends with the fault.
func (t *T) Link(target string) *Link {
	link, err := wiretest.NewLink(target, t.Rand.Uint64(), wiretest.Conditions{})
	t.Must(err, "making a network")
	t.Defer(link.Close)
	return &Link{Link: link, t: t}
}

// URL is where to dial.
func (l *Link) URL() string { return "http://" + l.Addr }

// Set changes the network.
func (l *Link) Set(c wiretest.Conditions) {
	l.t.Logf("the network is now %+v", c)
	l.Link.Set(c)
}

// Mangler makes a proxy that hurts the messages of agents.
func (t *T) Mangler(s *Server, f wiretest.Faults) *wiretest.Mangler {
	f.Seed = t.Rand.Uint64()
	m, err := wiretest.NewMangler(s.API.Server, f)
	t.Must(err, "making a proxy")
	t.Defer(m.Close)
	return m
}

// InSpace makes a lab's server listen where agents in a network namespace reach it, and puts the agents there.
func (t *T) InSpace(o Options) (*Lab, *Space) {
	s := t.Space()
	before := o.Before
	o.Host = s.HostIP
	o.Before = func(l *Lab) {
		for _, a := range l.Agents {
			a.Args = append(s.Enter(), a.Args...)
		}
		if before != nil {
			before(l)
		}
	}
	return t.Open(o), s
}
