package agent

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/executor"
)

// A ticket's file lies beside a log from just before the process may begin, until nothing of the job runs any more. The journal knows
// as much; but if bytes of the journal are gone it may not look so, and then these files tell that something ran.
const ticketSuffix = ".ticket"

func (s *spool) ticketPath(c wire.Claim, activity string) string {
	return filepath.Join(s.folder(c), activity+ticketSuffix)
}

// noteTicket notes the ticket of the last try at an activity.
func (s *spool) noteTicket(c wire.Claim, activity string, t executor.Ticket) error {
	if err := os.WriteFile(s.ticketPath(c, activity), []byte(t), 0o600); err != nil {
		return fmt.Errorf("noting the ticket of %s: %w", activity, err)
	}
	return nil
}

// tickets answers the tickets that were noted for a job.
func (s *spool) tickets(c wire.Claim) ([]executor.Ticket, error) {
	activities, err := s.with(c, ticketSuffix)
	var tickets []executor.Ticket
	for _, a := range activities {
		text, failed := os.ReadFile(s.ticketPath(c, a))
		err = errors.Join(err, failed)
		if len(text) > 0 { // else the agent ended just as it wrote it, and nothing began
			tickets = append(tickets, executor.Ticket(text))
		}
	}
	if err != nil {
		return nil, fmt.Errorf("reading the tickets of a job: %w", err)
	}
	return tickets, nil
}

// dropTickets removes the tickets of a job of which nothing runs any more.
func (s *spool) dropTickets(c wire.Claim) error {
	activities, err := s.with(c, ticketSuffix)
	for _, a := range activities {
		err = errors.Join(err, os.Remove(s.ticketPath(c, a)))
	}
	if err != nil {
		return fmt.Errorf("removing the tickets of a job: %w", err)
	}
	return nil
}

// begun answers the jobs of which something ran, and may still run.
func (s *spool) begun() ([]wire.Claim, error) {
	found, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, fmt.Errorf("looking through the spool: %w", err)
	}
	var claims []wire.Claim
	for _, each := range found {
		c, ok := claimOf(each.Name())
		if !ok {
			continue
		}
		tickets, err := s.tickets(c)
		if err != nil {
			return nil, err
		}
		if len(tickets) > 0 {
			claims = append(claims, c)
		}
	}
	return claims, nil
}
