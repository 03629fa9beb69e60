package wire

import (
	"encoding/json"
	"fmt"
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
	if len(data) > MaxMessage {
		return nil, &TooLargeError{Kind: m.kind(), Size: len(data)}
	}
	return data, nil
}

// Decode reads a text frame. Its kind may be one that this release does not know.
func Decode(data []byte) (Envelope, error) {
	var e Envelope
	if err := json.Unmarshal(data, &e); err != nil {
		return Envelope{}, fmt.Errorf("decoding message: %w", err)
	}
	if e.Kind == "" {
		return Envelope{}, fmt.Errorf("decoding message: it has no kind")
	}
	return e, nil
}

// Into reads the body into m, which points to the type of the envelope's kind.
func (e Envelope) Into(m Message) error {
	if m.kind() != e.Kind {
		return fmt.Errorf("reading a message of kind %q: want %q", e.Kind, m.kind())
	}
	if err := json.Unmarshal(e.Body, m); err != nil {
		return fmt.Errorf("reading message %q: %w", e.Kind, err)
	}
	return nil
}
