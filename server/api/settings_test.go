package api_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/servertest"
)

func TestVariables(t *testing.T) {
	s := servertest.New(t)
	const path = "/api/v1/projects/app/variables"
	for _, put := range []struct{ path, value string }{{"/region", "eu"}, {"/region?environment=production", "us"}, {"/replicas", "3"}, {"/region", "eu-2"}} {
		if got := do(t, s, "PUT", path+put.path, `{"value": "`+put.value+`"}`); got.status != 204 || got.body != "" {
			t.Fatalf("setting %s answers %d %s", put.path, got.status, got.body)
		}
	}
	list := func(query string) (all []string) {
		for _, v := range decode[struct{ Variables []server.Setting }](t, do(t, s, "GET", path+query, "")).Variables {
			all = append(all, strings.Join([]string{v.Project, v.Environment, v.Name, v.Value}, " "))
		}
		return all
	}
	for query, want := range map[string][]string{
		"":                        {"app  region eu-2", "app  replicas 3", "app production region us"},
		"?environment=":           {"app  region eu-2", "app  replicas 3"},
		"?environment=production": {"app production region us"},
	} {
		if diff := cmp.Diff(sorted(want), sorted(list(query))); diff != "" {
			t.Errorf("variables%s (-want +got):\n%s", query, diff)
		}
	}
	if got := do(t, s, "DELETE", path+"/region?environment=production", ""); got.status != 204 {
		t.Errorf("removing answers %d %s", got.status, got.body)
	}
	if got := do(t, s, "DELETE", path+"/region?environment=production", ""); got.status != 404 {
		t.Errorf("removing what is not there answers %d %s", got.status, got.body)
	}
	if got := list("?environment=production"); len(got) > 0 {
		t.Errorf("what was removed is there: %q", got)
	}
}

// TestSecretsAreNeverAnswered looks for a value in every answer that there is after it was sent.
func TestSecretsAreNeverAnswered(t *testing.T) {
	s := servertest.New(t)
	const path = "/api/v1/projects/app/secrets"
	const value = "hunter2-and-more"
	for name, tt := range map[string]struct {
		method, path, body string
		status             int
		says               string
	}{
		"Set":         {"PUT", path + "/token", `{"value": "` + value + `"}`, 204, ""},
		"TooShort":    {"PUT", path + "/pin", `{"value": "hunte"}`, 400, "fewer than 6 bytes"},
		"BadName":     {"PUT", path + "/Token", `{"value": "` + value + `"}`, 400, "lower-case"},
		"BadEnv":      {"PUT", path + "/token?environment=A", `{"value": "` + value + `"}`, 400, "environment"},
		"NoValue":     {"PUT", path + "/token", `{}`, 400, `no \"value\"`},
		"NoString":    {"PUT", path + "/token", `{"value": ["` + value + `"]}`, 400, "cannot be of type array"},
		"NoJSON":      {"PUT", path + "/token", `{"value": "` + value + `"`, 400, "ends too early"},
		"NoUTF8":      {"PUT", path + "/token", "{\"value\": \"" + value + "\xff\"}", 400, "UTF-8"},
		"TooLong":     {"PUT", path + "/token", `{"value": "` + strings.Repeat(value, 5000) + `"}`, 400, "at most 65536"},
		"NoProject":   {"PUT", "/api/v1/projects/none/secrets/token", `{"value": "` + value + `"}`, 404, "none"},
		"RemoveOther": {"DELETE", path + "/other", "", 404, "other"},
	} {
		t.Run(name, func(t *testing.T) {
			got := do(t, s, tt.method, tt.path, tt.body)
			if got.status != tt.status || !strings.Contains(got.body, tt.says) || strings.Contains(got.body, "hunte") {
				t.Errorf("answers %d %s, want %d and %q, and no value", got.status, got.body, tt.status, tt.says)
			}
		})
	}
	if got := do(t, s, "GET", path, ""); strings.TrimSpace(got.body) != `{"secrets":[{"project":"app","name":"token"}]}` {
		t.Errorf("the list is %s", got.body)
	}
	if got := do(t, s, "DELETE", path+"/token", ""); got.status != 204 {
		t.Errorf("removing answers %d %s", got.status, got.body)
	}
}

func sorted(list []string) []string { return slices.Sorted(slices.Values(list)) }
