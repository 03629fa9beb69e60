//go:build !linux

package wire

import "net"

// limitUnacknowledged does nothing: IdleTimeout ends what is dead.
func limitUnacknowledged(*net.TCPConn) {}
