package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
)

// A Message is the body of an Envelope: any of the types whose kind is listed above.
type Message interface {
	kind() Kind
}

func (Hello) kind() Kind       { return KindHello }
func (Welcome) kind() Kind     { return KindWelcome }
func (Refused) kind() Kind     { return KindRefused }
func (Status) kind() Kind      { return KindStatus }
func (Ping) kind() Kind        { return KindPing }
func (Pong) kind() Kind        { return KindPong }
func (Offer) kind() Kind       { return KindOffer }
func (Accept) kind() Kind      { return KindAccept }
func (Decline) kind() Kind     { return KindDecline }
func (Start) kind() Kind       { return KindStart }
func (Report) kind() Kind      { return KindReport }
func (Reported) kind() Kind    { return KindReported }
func (Cancel) kind() Kind      { return KindCancel }
func (Stale) kind() Kind       { return KindStale }
func (Ask) kind() Kind         { return KindAsk }
func (Answer) kind() Kind      { return KindAnswer }
func (Unsupported) kind() Kind { return KindUnsupported }

// A TooLargeError refuses to send a message that no receiver would take.
type TooLargeError struct {
	Kind Kind
	Size int
}

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("a message of kind %q would have %d bytes; no more than %d are allowed", e.Kind, e.Size, MaxMessage)
}

// ErrMessage is what every error of Decode and Into is: what came was damaged on its way, or is no message at all.
var ErrMessage = errors.New("bad message")

// An envelope ends with a CRC-32C over all that stands before it: sumKey, 8 hexadecimal digits, sumEnd.
const (
	sumKey  = `,"crc":"`
	sumEnd  = `"}`
	sumSize = len(sumKey) + 8 + len(sumEnd)
)

// Encode makes a text frame of a message.
func Encode(m Message) ([]byte, error) {
	body, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encoding message %q: %w", m.kind(), err)
	}
	data, err := json.Marshal(Envelope{Kind: m.kind(), Body: body})
	if err != nil {
		return nil, fmt.Errorf("encoding message %q: %w", m.kind(), err)
	}
	data = data[:len(data)-1] // the brace comes after the CRC
	data = fmt.Appendf(data, "%s%08x%s", sumKey, crc32.Checksum(data, castagnoli()), sumEnd)
	if len(data) > MaxMessage {
		return nil, &TooLargeError{Kind: m.kind(), Size: len(data)}
	}
	return data, nil
}

// Decode reads a text frame. Its kind may be one that this release does not know.
func Decode(data []byte) (Envelope, error) {
	var e Envelope
	if err := json.Unmarshal(data, &e); err != nil {
		return Envelope{}, fmt.Errorf("%w: %w", ErrMessage, err)
	}
	if e.Kind == "" {
		return Envelope{}, fmt.Errorf("%w: it has no kind", ErrMessage)
	}
	has, right := summed(data)
	if !right && (has || !e.older()) {
		return Envelope{}, fmt.Errorf("%w: its CRC is wrong or missing", ErrMessage)
	}
	return e, nil
}

// summed says whether a text frame ends with a CRC, and whether that is the one of what stands before it.
func summed(data []byte) (has, right bool) {
	if len(data) < sumSize {
		return false, false
	}
	rest, tail := data[:len(data)-sumSize], string(data[len(data)-sumSize:])
	has = strings.HasPrefix(tail, sumKey) && strings.HasSuffix(tail, sumEnd)
	return has, tail == fmt.Sprintf("%s%08x%s", sumKey, crc32.Checksum(rest, castagnoli()), sumEnd)
}

// older says whether this is how a peer of a time before CRCs begins. It has to be understood, so that it can be told to
// upgrade, or tells this end to.
func (e Envelope) older() bool {
	switch e.Kind {
	case KindHello:
		var m Hello
		return json.Unmarshal(e.Body, &m) == nil && m.MaxProtocol < firstWithCRC
	case KindRefused:
		return true
	}
	return false
}

// Into reads the body into m, which points to the type of the envelope's kind.
func (e Envelope) Into(m Message) error {
	if m.kind() != e.Kind {
		return fmt.Errorf("%w: its kind is %q, want %q", ErrMessage, e.Kind, m.kind())
	}
	if err := json.Unmarshal(e.Body, m); err != nil {
		return fmt.Errorf("%w of kind %q: %w", ErrMessage, e.Kind, err)
	}
	return nil
}
