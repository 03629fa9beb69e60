package dsl_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/tutti-ci/tutti/dsl"
	"github.com/tutti-ci/tutti/dsl/plan"
)

// TestLateMistakes gives values to expressions that cannot deal with them. Each has to become a problem with a place, and none
// may hold a value: it could be somebody's password.
func TestLateMistakes(t *testing.T) {
	const hush = "correct-horse-7"
	cases := map[string]string{
		"regex":     `env = { A = regex("^[0-9]+$", secret.s) }`,
		"number":    `env = { A = 1 + tonumber(secret.s) }`,
		"index":     `env = { A = { a = 1 }[secret.s] }`,
		"element":   `env = { A = split("-", secret.s)[9] }`,
		"divide":    `env = { A = 1 / (length(secret.s) - 15) }`,
		"format":    `env = { A = format("%d", secret.s) }`,
		"same keys": `env = { A = jsonencode({ for x in [secret.s, secret.s] : x => 1 }) }`,
		"name":      `env = { (secret.s) = "x" }`,
		"input":     "use = def.d\n with = { s = secret.s }",
		"extra":     "use = def.o\n with = { o = { for x in [secret.s] : x => 1 } }",
		"keys":      `env = { A = { for x in [secret.s] : x => 1 }.nope }`,
		"range":     `env = { A = join(",", [for i in range(length(secret.s) * 1000) : "x"]) }`,
		"glob":      `env = { A = matches("{${secret.s}", "x") }`,
		"semver":    `env = { A = semver_matches(secret.s, ">= 1") }`,
		"bool":      `env = { A = tobool(secret.s) ? "a" : "b" }`,
		"output":    `env = { A = 1 / activity.first.outputs.n, B = secret.s }`,
	}
	for name, argument := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run := "image = \"alpine:3.20\"\n script = \"true\"\n"
			if strings.HasPrefix(argument, "use") {
				run = ""
			}
			text := fmt.Sprintf(`
secret "s" {}
activity "d" {
  input "s" {
    type      = string
    sensitive = true
    check {
      condition = length(input.s) < 3
      message   = "Too long."
    }
  }
  image  = "alpine:3.20"
  script = "true"
}
activity "o" {
  input "o" {
    type      = object({ n = optional(number) })
    sensitive = true
  }
  image  = "alpine:3.20"
  script = "true"
}
pipeline "ci" {
  on "push" {}
  job "a" {
    activity "first" {
      image  = "alpine:3.20"
      script = "true"
      output "n" { type = number }
    }
    activity "x" {
      %s %s
    }
  }
}
`, run, argument)
			req := dsl.Request{Files: []dsl.File{{Name: ".tutti/ci.hcl", Data: []byte(text)}}, Event: pushTo("main"), Pipeline: "ci"}
			if res := dsl.Compile(req); len(res.Plans) != 1 {
				t.Fatalf("not even planned:\n%s", rendered(t, res.Problems, false))
			}
			req.Late = &dsl.Late{Job: "a", Instance: &dsl.Instance{
				Activity: "x", Secrets: map[string]string{"s": hush},
				Activities: map[string]dsl.ActivityEnd{"first": {Result: plan.Passed, Outputs: map[string]json.RawMessage{"n": json.RawMessage("0")}}},
			}}
			res := dsl.Compile(req)
			if !res.Failed() || res.Activity != nil || res.Problems[0].Start == (plan.Position{}) {
				t.Fatalf("no problem: %+v", res.Activity)
			}
			all, err := json.Marshal(res)
			if err != nil {
				t.Fatal(err)
			}
			for _, part := range append(strings.Split(hush, "-"), hush) {
				if len(part) > 1 && strings.Contains(string(all), part) {
					t.Errorf("the answer holds %q:\n%s", part, rendered(t, res.Problems, false))
				}
			}
		})
	}
}

// TestDamagedValues answers with what no release stores: it must not go on with something else.
func TestDamagedValues(t *testing.T) {
	text := `
pipeline "ci" {
  on "push" {}
  job "a" {
    image = "alpine:3.20"
    activity "x" {
      script = "true"
      output "n" { type = list(number) }
    }
    output "n" { value = activity.x.outputs.n }
  }
  job "b" {
    image = "alpine:3.20"
    env   = { N = sum(job.a.outputs.n) }
    activity "x" { script = "true" }
  }
}
`
	for _, value := range []string{`"x"`, `[`, `["x"]`, `[1e999999999]`, `null`, strings.Repeat("[", 100)} {
		res := dsl.Compile(dsl.Request{
			Files: []dsl.File{{Name: ".tutti/ci.hcl", Data: []byte(text)}}, Event: pushTo("main"), Pipeline: "ci",
			Late: &dsl.Late{Job: "b", Jobs: map[string]dsl.JobEnd{"a": {Result: plan.Passed, Outputs: map[string]json.RawMessage{"n": json.RawMessage(value)}}}},
		})
		if !res.Failed() || len(res.Jobs) > 0 {
			t.Errorf("%s: %+v", value, res.Jobs)
		}
	}
}
