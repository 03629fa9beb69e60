package plan

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// A Type is what a value may be, in the words of the language: string, number, bool, list(T), set(T), map(T) or
// object({name = T}).
type Type struct {
	Kind       TypeKind        `json:"kind"`
	Element    *Type           `json:"element,omitempty"`    // of a list, set or map
	Attributes map[string]Type `json:"attributes,omitempty"` // of an object
	// Optional says of an attribute that it may be missing, and is Default then, or else null.
	Optional bool            `json:"optional,omitempty"`
	Default  json.RawMessage `json:"default,omitempty"`
}

// A TypeKind is the outermost word of a type.
type TypeKind string

// The kinds of types. TypeAny is that of a job's output whose type depends on its value.
const (
	TypeString TypeKind = "string"
	TypeNumber TypeKind = "number"
	TypeBool   TypeKind = "bool"
	TypeList   TypeKind = "list"
	TypeSet    TypeKind = "set"
	TypeMap    TypeKind = "map"
	TypeObject TypeKind = "object"
	TypeAny    TypeKind = "any"
)

// String writes the type as the language does.
func (t Type) String() string {
	switch {
	case t.Element != nil:
		return string(t.Kind) + "(" + t.Element.String() + ")"
	case t.Kind == TypeObject:
		var parts []string
		for _, name := range slices.Sorted(maps.Keys(t.Attributes)) {
			a := t.Attributes[name]
			text := a.String()
			if a.Optional {
				text = "optional(" + text + ")"
			}
			parts = append(parts, name+" = "+text)
		}
		return "object({" + strings.Join(parts, ", ") + "})"
	}
	return string(t.Kind)
}

// Read makes a value of what a script wrote into the file of an output: the text itself for a string, less one final line
// break; JSON for all else. The answer is compact JSON. The error completes the sentence "output x ...", and holds no value.
func (t Type) Read(file []byte) (json.RawMessage, error) {
	if t.Kind == TypeString {
		text := strings.TrimSuffix(strings.TrimSuffix(string(file), "\n"), "\r")
		if !utf8.ValidString(text) {
			return nil, fmt.Errorf("must be a string, but is not valid UTF-8")
		}
		value, err := json.Marshal(text)
		if err != nil {
			return nil, fmt.Errorf("cannot be written as JSON: %w", err)
		}
		return value, nil
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, file); err != nil {
		return nil, fmt.Errorf("must be a %s, written as JSON, but is no valid JSON", t)
	}
	if err := t.Check(compact.Bytes()); err != nil {
		return nil, err
	}
	return compact.Bytes(), nil
}

// Check says what keeps a JSON value from being of the type. The error completes a sentence as that of Read does.
func (t Type) Check(value json.RawMessage) error {
	decoder := json.NewDecoder(bytes.NewReader(value))
	decoder.UseNumber()
	var v any
	if err := decoder.Decode(&v); err != nil {
		return fmt.Errorf("is no valid JSON")
	}
	return t.check(v, "")
}

func (t Type) check(v any, path string) error {
	ok := false
	switch v := v.(type) {
	case string:
		ok = t.Kind == TypeString
	case json.Number:
		ok = t.Kind == TypeNumber
	case bool:
		ok = t.Kind == TypeBool
	case []any:
		if t.Kind == TypeList || t.Kind == TypeSet {
			return t.checkElements(v, path)
		}
	case map[string]any:
		switch t.Kind {
		case TypeMap:
			return t.checkMap(v, path)
		case TypeObject:
			return t.checkObject(v, path)
		}
	}
	if ok || t.Kind == TypeAny {
		return nil
	}
	return fmt.Errorf("must be a %s%s, but is %s", t, at(path), jsonName(v))
}

func (t Type) checkElements(list []any, path string) error {
	for i, e := range list {
		if err := t.Element.check(e, fmt.Sprintf("%s[%d]", path, i)); err != nil {
			return err
		}
	}
	return nil
}

func (t Type) checkMap(m map[string]any, path string) error {
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if err := t.Element.check(m[name], path+"."+name); err != nil {
			return err
		}
	}
	return nil
}

func (t Type) checkObject(m map[string]any, path string) error {
	for _, name := range slices.Sorted(maps.Keys(t.Attributes)) {
		a := t.Attributes[name]
		v, given := m[name]
		switch {
		case a.Optional && (!given || v == nil):
		case !given:
			return fmt.Errorf("lacks the attribute %q%s", name, at(path))
		default:
			if err := a.check(v, path+"."+name); err != nil {
				return err
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if _, known := t.Attributes[name]; !known {
			return fmt.Errorf("has the attribute %q%s, which its type does not have", name, at(path))
		}
	}
	return nil
}

// at says where in a value something is, if it is not the whole value.
func at(path string) string {
	if path == "" {
		return ""
	}
	return " at " + path
}

func jsonName(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case string:
		return "a string"
	case json.Number:
		return "a number"
	case bool:
		return "a bool"
	case []any:
		return "a list"
	}
	return "an object"
}
