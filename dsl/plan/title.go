package plan

import (
	"encoding/json"
	"strings"
)

// Title names a node for people: "test (go 1.26, db 17)" for an instance of a matrix, else its name.
func Title(name, of string, matrix []Value) string {
	if of == "" || len(matrix) == 0 {
		return name
	}
	var parts []string
	for _, v := range matrix {
		text := string(v.Value)
		var plain string
		if json.Unmarshal(v.Value, &plain) == nil {
			text = plain
		}
		parts = append(parts, v.Name+" "+text)
	}
	return of + " (" + strings.Join(parts, ", ") + ")"
}
