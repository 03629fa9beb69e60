package gateway

import (
	"context"
	"slices"

	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/server"
)

// hearStatus takes in what the agent can do. It says so again and again.
func (s *session) hearStatus(ctx context.Context, m wire.Status) error {
	s.mu.Lock()
	same := sameStatus(s.status(), server.AgentStatus(m))
	s.agent.Labels, s.agent.Capacity, s.agent.Problem = m.Labels, m.Capacity, m.Problem
	storing := s.storing
	s.storing = storing || !same
	s.mu.Unlock()
	if same || storing { // who stores it finds the new one
		return nil
	}
	s.roomChanged()
	s.g.Queue.Wake()
	err := s.storeStatus(ctx)
	if isAway(err) {
		s.again(ctx, err, s.storeStatus)
		return nil
	}
	return err
}

// status is what the agent can do by now. The caller holds the lock.
func (s *session) status() server.AgentStatus {
	return server.AgentStatus{Labels: s.agent.Labels, Capacity: s.agent.Capacity, Problem: s.agent.Problem}
}

// storeStatus stores what the agent can do, until the store has the last word of it.
func (s *session) storeStatus(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		status := s.status()
		s.mu.Unlock()
		err := s.g.Agents.AgentStatus(ctx, s.id, s.number, status)
		s.mu.Lock()
		if err != nil {
			return away(err)
		}
		if sameStatus(status, s.status()) {
			s.storing = false
			return nil
		}
	}
}

func sameStatus(a, b server.AgentStatus) bool {
	return a.Capacity == b.Capacity && a.Problem == b.Problem && slices.Equal(a.Labels, b.Labels)
}
