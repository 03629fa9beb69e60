package wire

import (
	"net"

	"golang.org/x/sys/unix"
)

// limitUnacknowledged sets for how long bytes may stay unacknowledged until the system ends a connection. Where it cannot,
// IdleTimeout still does, a little later.
func limitUnacknowledged(conn *net.TCPConn) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return // it is closed already
	}
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(UserTimeout.Milliseconds()))
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, maxUnsent)
	})
}
