package wire_test

import (
	"net/http"
	"testing"

	"github.com/tutti-ci/tutti/agent/wire"
)

// BenchmarkLogs sends frames of the full size with as many under way as the protocol allows for one log.
func BenchmarkLogs(b *testing.B) {
	d := serve(b, func(w http.ResponseWriter, r *http.Request) {
		c, err := wire.AcceptLogs(w, r)
		if err != nil {
			b.Error(err)
			return
		}
		defer c.Close(wire.CloseNormal, "")
		for {
			f, err := c.Receive()
			if err != nil {
				return
			}
			data := f.(wire.LogData)
			if c.Send(wire.LogAck{Stream: data.Stream, Length: data.Offset + int64(len(data.Payload))}) != nil {
				return
			}
		}
	})
	c, err := d.Logs(b.Context(), "me", 5)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close(wire.CloseNormal, "")
	frame := wire.LogData{Stream: 1, Payload: make([]byte, wire.MaxPayload)}
	acks := make(chan error, wire.Window/wire.MaxPayload)
	go func() {
		for {
			_, err := c.Receive()
			if acks <- err; err != nil {
				return
			}
		}
	}()
	b.SetBytes(wire.MaxPayload)
	sent := 0
	for b.Loop() {
		if sent >= wire.Window/wire.MaxPayload {
			if err := <-acks; err != nil {
				b.Fatal(err)
			}
		}
		if err := c.Send(frame); err != nil {
			b.Fatal(err)
		}
		sent++
	}
}
