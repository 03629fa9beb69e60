package agent

import (
	"time"

	"github.com/tutti-ci/tutti/agent/wire"
)

// A pace says how many bytes of logs may be under way on a connection, so that they arrive within about a second: what is sent
// then never keeps a ping or a report waiting for long, be the link slow or fast. A new connection begins with few, because
// nobody knows the link yet.
type pace struct {
	limit int64
	probe probe
}

// A probe is a piece that was sent, and whose acknowledgement says how fast the link is.
type probe struct {
	sent     bool
	stream   uint32
	end      int64
	underWay int64 // with the piece
	at       time.Time
}

// Bounds of a pace.
const (
	firstPace = 16 << 10
	minPace   = 4 << 10
	maxPace   = wire.AgentWindow

	swift      = time.Second     // an acknowledgement that takes no longer lets the pace grow
	slow       = 2 * time.Second // one that takes longer cuts it
	maxGrowth  = 16              // at once
	framesOfIt = 4               // a frame takes no more than this part of the pace, so that several logs share it
)

func newPace() *pace { return &pace{limit: firstPace} }

// frame is the most bytes that one frame may have.
func (p *pace) frame() int64 { return min(p.limit/framesOfIt, wire.MaxPayload) }

// sending notes that a piece of a stream that ends there begins its way, as one of so many bytes under way.
func (p *pace) sending(stream uint32, end, underWay int64, now time.Time) {
	if !p.probe.sent {
		p.probe = probe{sent: true, stream: stream, end: end, underWay: underWay, at: now}
	}
}

// acked notes that a stream is acknowledged up to length.
func (p *pace) acked(stream uint32, length int64, now time.Time) {
	if p.probe.sent && p.probe.stream == stream && length >= p.probe.end {
		p.measured(p.probe.underWay, now.Sub(p.probe.at))
		p.probe = probe{}
	}
}

// forget notes that a stream begins anew, so that its acknowledgements say nothing of the link.
func (p *pace) forget(stream uint32) {
	if p.probe.stream == stream {
		p.probe = probe{}
	}
}

// measured takes in how long so many bytes took.
func (p *pace) measured(bytes int64, took time.Duration) {
	inASecond := int64(float64(bytes) / max(took, time.Millisecond).Seconds())
	switch {
	case took <= swift:
		p.limit = max(p.limit, min(inASecond, p.limit*maxGrowth, maxPace))
	case took > slow:
		p.limit = max(min(p.limit/2, inASecond), minPace)
	}
}
