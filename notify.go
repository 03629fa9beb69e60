package main

import (
	"context"
	"net"
	"os"
	"strconv"
	"time"
)

// A notifier tells systemd how a service is (sd_notify(3)), if systemd asked for it. Nobody else listens, so that what cannot
// be told does not matter.
type notifier struct {
	socket   string
	watchdog time.Duration // within which systemd wants to hear that all is well; 0 is never
}

// systemd answers the notifier of this process.
func systemd() notifier {
	n := notifier{socket: os.Getenv("NOTIFY_SOCKET")}
	pid := os.Getenv("WATCHDOG_PID")
	if micros, err := strconv.ParseInt(os.Getenv("WATCHDOG_USEC"), 10, 64); err == nil && (pid == "" || pid == strconv.Itoa(os.Getpid())) {
		n.watchdog = time.Duration(micros) * time.Microsecond
	}
	return n
}

// tell says how it is, as in "READY=1".
func (n notifier) tell(state string) {
	if n.socket == "" {
		return
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: n.socket, Net: "unixgram"})
	if err != nil {
		return
	}
	defer conn.Close()
	_, _ = conn.Write([]byte(state))
}

// watch says often enough that all is well, each time that alive has answered, until ctx ends.
func (n notifier) watch(ctx context.Context, alive func()) {
	if n.socket == "" || n.watchdog <= 0 {
		return
	}
	tick := time.NewTicker(n.watchdog / 3)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			alive()
			n.tell("WATCHDOG=1")
		case <-ctx.Done():
			return
		}
	}
}
