package store

import (
	"encoding/json"
	"fmt"
)

// Secrets and sensitive outputs pass through here on their way to the database and back, and nowhere else. They are not
// encrypted yet: until they are, what keeps them is the mode of the data folder.

// seal makes of a value what is written into the database.
func seal(value string) string { return value }

// unseal undoes seal.
func unseal(sealed string) string { return sealed }

// sealOutputs is seal for the sensitive outputs of a job or an activity; none is the empty text.
func sealOutputs(outputs map[string]json.RawMessage) (string, error) {
	if len(outputs) == 0 {
		return "", nil
	}
	text, err := asJSON(outputs)
	if err != nil {
		return "", fmt.Errorf("writing sensitive outputs: %w", err)
	}
	return seal(text), nil
}

// unsealOutputs undoes sealOutputs.
func unsealOutputs(sealed string) (map[string]json.RawMessage, error) {
	if sealed == "" {
		return nil, nil
	}
	var outputs map[string]json.RawMessage
	if err := fromJSON(unseal(sealed), &outputs); err != nil {
		return nil, fmt.Errorf("reading sensitive outputs: %w", err)
	}
	return outputs, nil
}
