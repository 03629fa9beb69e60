package store

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

// splitOutputs answers what is written into the database of the outputs of a job or an activity: those for everybody, and
// those that are sensitive, sealed. The error, which holds no value, says why they cannot be what was declared.
func splitOutputs(declared []plan.Output, outputs map[string]json.RawMessage) (shown, sealed string, err error) {
	open, sensitive := make(map[string]json.RawMessage), make(map[string]json.RawMessage)
	size := 0
	for _, name := range slices.Sorted(maps.Keys(outputs)) {
		value := outputs[name]
		i := slices.IndexFunc(declared, func(o plan.Output) bool { return o.Name == name })
		switch {
		case i < 0:
			return "", "", server.Errorf(server.Invalid, "output %q is not declared", name)
		case !json.Valid(value):
			return "", "", server.Errorf(server.Invalid, "output %q is no valid JSON", name)
		case declared[i].Sensitive:
			sensitive[name] = value
		default:
			open[name] = value
		}
		size += len(value)
	}
	if size > server.MaxOutputs {
		return "", "", server.Errorf(server.Invalid, "the outputs have %d bytes together; at most %d are allowed", size, server.MaxOutputs)
	}
	shown = "null"
	if len(open) > 0 {
		if shown, err = asJSON(open); err != nil {
			return "", "", err
		}
	}
	sealed, err = sealOutputs(sensitive)
	return shown, sealed, err
}

// readOutputs undoes splitOutputs; without secret it leaves the sensitive ones out.
func readOutputs(shown, sealed string, secret bool) (map[string]json.RawMessage, error) {
	var outputs map[string]json.RawMessage
	if err := fromJSON(shown, &outputs); err != nil || !secret {
		return outputs, err
	}
	sensitive, err := unsealOutputs(sealed)
	if err != nil || len(sensitive) == 0 {
		return outputs, err
	}
	if outputs == nil {
		outputs = make(map[string]json.RawMessage, len(sensitive))
	}
	maps.Copy(outputs, sensitive)
	return outputs, nil
}
