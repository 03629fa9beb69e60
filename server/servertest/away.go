package servertest

import (
	"context"
	"net"
	"strings"
)

// Stop takes the server away; Again brings it back, at the same address.
func (s *Server) Stop() {
	if s.http == nil {
		return
	}
	s.end()
	s.Cut()
	s.http.Close()
	s.http = nil
	if err := s.Logs.Close(); err != nil {
		s.tb.Error(err)
	}
	if err := s.DB.Close(); err != nil {
		s.tb.Error(err)
	}
}

// Again brings back a server that was stopped.
func (s *Server) Again() {
	s.tb.Helper()
	s.open(strings.TrimPrefix(s.URL, "http://"))
}

// Listen opens the port of a server that was stopped, for somebody else.
func (s *Server) Listen() net.Listener {
	s.tb.Helper()
	return s.listen(strings.TrimPrefix(s.URL, "http://"))
}

func (s *Server) listen(address string) net.Listener {
	s.tb.Helper()
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", address)
	s.check(err)
	return l
}

// Cut cuts all connections.
func (s *Server) Cut() { s.http.CloseClientConnections() }

// Folder is where the server keeps all that it has.
func (s *Server) Folder() string { return s.dir }
