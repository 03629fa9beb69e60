package shim_test

import (
	"encoding/binary"
	"net"
	"os"
	"runtime"
	"syscall"
	"testing"

	"github.com/tutti-ci/tutti/executor/shim"
)

// FuzzReceive gives Receive what a stranger may send: any process of the container can dial the agent.
func FuzzReceive(f *testing.F) {
	hello := `{"hello":{"version":3,"token":"t","exit":{"code":1}}}`
	f.Add(frame(len(hello), 0, hello), uint8(0))
	f.Add(frame(len(hello), 1, hello), uint8(1))
	f.Add(frame(len(hello), 2, hello), uint8(1))
	f.Add(frame(2, 0, `{}`+string(frame(2, 1, `{}`))), uint8(3))
	f.Add(frame(1<<31, 1<<31, "{"), uint8(9))
	f.Add(frame(31<<20, 0, "{"), uint8(0))
	f.Add([]byte{0, 0, 0}, uint8(200))
	f.Fuzz(func(t *testing.T, data []byte, files uint8) {
		ours, theirs := socketPair(t)
		conn := shim.NewConn(ours)
		go func() {
			defer theirs.Close()
			var fds []int
			for range files {
				fds = append(fds, int(os.Stdin.Fd()))
			}
			// Receive may have had enough before everything is sent.
			n, _, _ := theirs.WriteMsgUnix(data, syscall.UnixRights(fds...), nil)
			_, _ = theirs.Write(data[n:])
		}()
		defer conn.Close()
		for {
			m, err := conn.Receive()
			if err != nil {
				return
			}
			for _, f := range m.Files {
				_ = f.Close()
			}
		}
	})
}

func frame(size, files int, text string) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(size))
	b = binary.BigEndian.AppendUint32(b, uint32(files))
	return append(b, text...)
}

func socketPair(t *testing.T) (ours, theirs *net.UnixConn) {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	var ends [2]*net.UnixConn
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "socket")
		conn, err := net.FileConn(f) // has a copy
		_ = f.Close()
		if err != nil {
			t.Fatal(err)
		}
		ends[i] = conn.(*net.UnixConn)
	}
	return ends[0], ends[1]
}

// Whoever only says that his message is large costs nothing.
func TestReceiveTakesNoMemoryForPromises(t *testing.T) {
	ours, theirs := socketPair(t)
	conn := shim.NewConn(ours)
	defer conn.Close()
	if _, err := theirs.Write(frame(32<<20, 0, "{")); err != nil {
		t.Fatal(err)
	}
	if err := theirs.Close(); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if m, err := conn.Receive(); err == nil {
		t.Errorf("it received %+v", m)
	}
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > 1<<20 {
		t.Errorf("it took %d bytes", took)
	}
}
