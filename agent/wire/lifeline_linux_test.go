package wire

import (
	"crypto/tls"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tutti-ci/tutti/agent/wire/wiretest"
)

// TestUnacknowledgedBytesAreLimited asks the system, for both ends and behind TLS.
func TestUnacknowledgedBytesAreLimited(t *testing.T) {
	a, b, _ := lines(t, wiretest.Conditions{})
	behind := newLifeline(tls.Client(b.Conn, &tls.Config{MinVersion: tls.VersionTLS13}))
	for name, line := range map[string]*lifeline{"dialed": a, "accepted": b, "TLS": behind} {
		tcp := tcpOf(line.Conn)
		if tcp == nil {
			t.Fatalf("%s: no TCP connection is found", name)
		}
		raw, err := tcp.SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		err = raw.Control(func(fd uintptr) {
			got, err := unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT)
			if err != nil || time.Duration(got)*time.Millisecond != UserTimeout {
				t.Errorf("%s: %d ms (%v)", name, got, err)
			}
		})
		if err != nil {
			t.Error(err)
		}
	}
	if here, there := net.Pipe(); tcpOf(here) != nil {
		t.Error("a pipe is taken for TCP")
	} else {
		here.Close()
		there.Close()
	}
}
