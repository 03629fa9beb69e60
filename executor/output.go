package executor

import (
	"encoding/json"
	"fmt"

	"github.com/tutti-ci/tutti/dsl/plan"
)

// readOutputs makes values of the files that a process left for its outputs. Where a declared output has none, problem
// says why, in a sentence that holds nothing of what was written.
func (w *walk) readOutputs(declared []plan.Output, exit Exit) (values map[string]json.RawMessage, problem string) {
	note := func(words string) {
		if problem == "" {
			problem = words
		}
	}
	all := w.output
	for _, o := range declared {
		file, written := exit.Outputs[o.Name]
		if !written {
			if exit.OutputsErr != "" {
				note(exit.OutputsErr)
			}
			note(fmt.Sprintf("output %q (%s) was not written to $TUTTI_OUTPUT/%s", o.Name, o.Type, o.Name))
			continue
		}
		value, err := readOutput(o, file)
		if err != nil {
			note(err.Error())
			continue
		}
		if all += len(value); all > MaxOutputs {
			note(fmt.Sprintf("output %q and those before it in the job have more than %d KiB", o.Name, MaxOutputs>>10))
			continue
		}
		if values == nil {
			values = make(map[string]json.RawMessage)
		}
		values[o.Name] = value
	}
	return values, problem
}

// readOutput makes a value of one file. Its length is that on the wire, where some characters are escaped.
func readOutput(o plan.Output, file []byte) (json.RawMessage, error) {
	value, err := o.Type.Read(file)
	if err != nil && o.Sensitive { // what is wrong with it may be the name of an attribute
		return nil, fmt.Errorf("output %q must be a %s, and what was written is none", o.Name, o.Type)
	}
	if err != nil {
		return nil, fmt.Errorf("output %q %w", o.Name, err)
	}
	if value, err = json.Marshal(value); err != nil {
		return nil, fmt.Errorf("output %q cannot be written as JSON", o.Name)
	}
	return value, nil
}
