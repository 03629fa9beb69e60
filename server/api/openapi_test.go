package api

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

type schema struct {
	Properties map[string]schema `json:"properties"`
}

type openAPIDocument struct {
	Paths      map[string]map[string]json.RawMessage `json:"paths"`
	Components struct {
		Schemas map[string]schema `json:"schemas"`
	} `json:"components"`
}

func readOpenAPI(t *testing.T) openAPIDocument {
	t.Helper()
	var doc openAPIDocument
	if err := json.Unmarshal(openAPI, &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestOpenAPIHasEveryRoute(t *testing.T) {
	var described, served []string
	for path, methods := range readOpenAPI(t).Paths {
		for method := range methods {
			if method != "parameters" {
				described = append(described, strings.ToUpper(method)+" "+path)
			}
		}
	}
	for _, e := range new(API).endpoints() {
		served = append(served, e.pattern)
	}
	slices.Sort(described)
	slices.Sort(served)
	if diff := cmp.Diff(served, described); diff != "" {
		t.Errorf("openapi.json describes other routes (-served +described):\n%s", diff)
	}
}

func TestOpenAPIHasEveryField(t *testing.T) {
	schemas := readOpenAPI(t).Components.Schemas
	for name, noun := range map[string]any{
		"Run": server.Run{}, "Job": server.Job{}, "Activity": server.Activity{}, "Event": server.Event{}, "Change": server.Change{},
		"Agent": server.Agent{}, "Project": server.Project{}, "Problem": plan.Problem{}, "Position": plan.Position{}, "Lines": lines{},
		"Approval": server.Approval{}, "Try": server.Try{}, "Setting": server.Setting{}, "Concurrency": plan.Concurrency{},
	} {
		described := slices.Sorted(maps.Keys(schemas[name].Properties))
		if diff := cmp.Diff(fields(noun), described); diff != "" {
			t.Errorf("schema %s has other fields (-written +described):\n%s", name, diff)
		}
	}
}

// fields answers the names of a noun's fields in JSON.
func fields(noun any) []string {
	var names []string
	t := reflect.TypeOf(noun)
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if name != "-" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
