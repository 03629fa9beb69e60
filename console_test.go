package main

import (
	"strings"
	"testing"
)

const triedPipeline = `variable "region" { type = string }
secret "token" {}
locals {
  release = event.branch == "main"
}
pipeline "ci" {
  on "push" {}
  on "manual" {}
  input "size" {
    type    = number
    default = 3
  }
  job "build" {
    image = "alpine:3.20"
    matrix {
      axes = { go = ["1.25", "1.26"] }
    }
    activity "x" {
      script = "true"
      output "n" { type = number }
    }
    output "n" { value = activity.x.outputs.n }
  }
  job "deploy" {
    image = "alpine:3.20"
    env   = { TOKEN = secret.token, REGION = var.region }
    activity "y" { script = "true" }
  }
}
`

func TestConsole(t *testing.T) {
	t.Chdir(treeOf(t, map[string]string{".tutti/ci.hcl": triedPipeline, "VERSION": "1.4\n"}))
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"1 + 2"}, exitOK, "3 (number)\n"},
		{[]string{`{ a = [1, 2], b = "x" }`}, exitOK, `{"a":[1,2],"b":"x"} (object({a = list(number), b = string}))` + "\n"},
		{[]string{"event.branch", "--branch", "dev"}, exitOK, "\"dev\" (string)\n"},
		{[]string{"event.tag", "--tag", "v1"}, exitOK, "\"v1\" (string)\n"},
		{[]string{"event.pull_request.target_branch", "--event", "pull_request", "--target", "next"}, exitOK, "\"next\" (string)\n"},
		{[]string{"local.release", "--branch", "main"}, exitOK, "true (bool)\n"},
		{[]string{"var.region", "--var", "region=eu"}, exitOK, "\"eu\" (string)\n"},
		{[]string{"input.size * 2", "--input", "size=4"}, exitOK, "8 (number)\n"},
		{[]string{`file("VERSION")`}, exitOK, "\"1.4\\n\" (string)\n"},
		{[]string{"secret.token"}, exitOK, "a secret (string), known at agent time\n"},
		{[]string{"job.deploy.result"}, exitOK, "string, known at dispatch time\n"},
		{[]string{"[for r in job.build.each : r.outputs.n]"}, exitOK, "list(number), known at dispatch time\n"},
		{[]string{"activity.x.outputs.n + 1", "--job", "build"}, exitOK, "number, known at agent time\n"},
		{[]string{"matrix.go", "--job", "build"}, exitOK, "string, of each instance of the matrix\n"},
		{[]string{"1 + 2", "--json"}, exitOK, "3\n"},
		{[]string{"var.region"}, exitFailed, `"region"`},
		{[]string{"event.brnch"}, exitFailed, `Did you mean "branch"?`},
		{[]string{"1 +"}, exitFailed, "error[E102]"},
		{[]string{"1\nb = 2"}, exitFailed, "more than one expression"},
		{[]string{""}, exitFailed, "error["},
		{[]string{"1", "--job", "biuld"}, exitFailed, `Did you mean "build"?`},
		{[]string{"1", "--pipeline", "cd"}, exitFailed, `There is no pipeline "cd"`},
		{[]string{"1", "--event", "pusch"}, exitUsage, "is not one of push"},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			code, out, errs := ask(t, "", append([]string{"console"}, c.args...)...)
			if code != c.code || !strings.Contains(out+errs, c.want) {
				t.Errorf("code %d, %q, %q; want %d, %q", code, out, errs, c.code, c.want)
			}
		})
	}
}

func TestConsoleReadsLines(t *testing.T) {
	t.Chdir(treeOf(t, map[string]string{".tutti/ci.hcl": triedPipeline}))
	code, out, errs := ask(t, "1 + 1\n\n# nothing\nnope\nupper(\"a\")", "console")
	if code != exitFailed || out != "2 (number)\n\"A\" (string)\n" || strings.Count(errs, "error[") != 1 {
		t.Errorf("code %d, %q, %q", code, out, errs)
	}
	if code, out, errs := ask(t, "", "console"); code != exitOK || out+errs != "" {
		t.Errorf("of nothing: code %d, %q, %q", code, out, errs)
	}
}

func TestConsoleSaysMistakesOfTheFiles(t *testing.T) {
	t.Chdir(treeOf(t, map[string]string{".tutti/ci.hcl": "locals {"}))
	if code, out, errs := ask(t, "", "console", "1"); code != exitFailed || out != "" || !strings.Contains(errs, ".tutti/ci.hcl:1") {
		t.Errorf("code %d, %q, %q", code, out, errs)
	}
}
