package trigger_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tutti-ci/tutti/dsl"
	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/trigger"
)

// with is a pipeline whose only job has these arguments, after blocks at the top level.
func with(top, job string) string {
	return top + "pipeline \"ci\" {\n on \"push\" {}\n on \"manual\" {}\n job \"test\" {\n image = \"alpine:3.20\"\n" + job + "}\n}\n"
}

const act = "activity \"x\" { script = \"true\" }\n"

// planOf answers the plan of the only job of a run.
func (s *scene) planOf(run server.RunID) plan.Job {
	s.t.Helper()
	j, err := s.db.JobPlan(s.t.Context(), run, "test")
	if err != nil {
		s.t.Fatal(err)
	}
	return j
}

func TestPlansKnowTheFilesOfTheCommit(t *testing.T) {
	s := registered(t)
	s.commit("scripts/build.sh", "make\r\nmake install\n")
	s.commit("go.sum", "sums\n")
	s.commit(".tutti/ci.hcl", with("", `
    env = { KEY = hash_files("go.*"), SUMS = file("go.sum") }
    activity "x" { script = file("scripts/build.sh") }
`))
	want(t, s.push(), "ci: queued")
	first := s.planOf(1).Activities[0]
	if first.Script != "make\nmake install\n" || first.Env["SUMS"] != "sums\n" || len(first.Env["KEY"]) != 64 {
		t.Errorf("activity is %+v", first)
	}
	s.commit("README.md", "more")
	s.push()
	if again := s.planOf(2).Activities[0]; again.Env["KEY"] != first.Env["KEY"] {
		t.Error("the hash of files that did not change has changed")
	}
	s.commit("go.sum", "other sums\n")
	s.push()
	if third := s.planOf(3).Activities[0]; third.Env["KEY"] == first.Env["KEY"] || third.Env["SUMS"] != "other sums\n" {
		t.Error("the hash of files that did change has not changed")
	}
}

func TestFilesThatAreNotThere(t *testing.T) {
	for name, c := range map[string]struct{ job, want string }{
		"Missing": {"env = { X = file(\"no.txt\") }\n" + act, `There is no file "no.txt" in the commit.`},
		"Link":    {"env = { X = file(\"link\") }\n" + act, `"link" is a symbolic link`},
		"Folder":  {"env = { X = file(\".tutti\") }\n" + act, `".tutti" is a folder.`},
		"NoMatch": {"env = { X = hash_files(\"*.lock\") }\n" + act, "No file of the commit matches *.lock."},
		"Script":  {"activity \"x\" { script = file(\"no.sh\") }\n", `There is no file "no.sh" in the commit.`},
		"Huge":    {"activity \"x\" { script = file(\"huge\") }\n", "more than 1024 KiB"},
	} {
		t.Run(name, func(t *testing.T) {
			s := registered(t)
			if err := os.Symlink("/etc/passwd", filepath.Join(s.dir, "link")); err != nil {
				t.Fatal(err)
			}
			s.commit("huge", strings.Repeat("x", 3<<20))
			s.commit(".tutti/ci.hcl", with("", c.job))
			want(t, s.push(), "ci: done failed, the pipeline has mistakes")
			r, err := s.db.Run(t.Context(), 1)
			if err != nil || len(r.Problems) != 1 || r.Problems[0].Code != "E308" || !strings.Contains(r.Problems[0].Detail, c.want) {
				t.Errorf("problems are %+v (%v), want %q", r.Problems, err, c.want)
			}
		})
	}
}

func TestSettingsOfTheProject(t *testing.T) {
	s := registered(t)
	s.commit(".tutti/ci.hcl", with("variable \"region\" { type = string }\nsecret \"token\" {}\n",
		"env = { REGION = var.region, TOKEN = secret.token }\n"+act))
	want(t, s.push(), "ci: done failed, the pipeline has mistakes")
	r, err := s.db.Run(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	var codes []string
	for _, p := range r.Problems {
		codes = append(codes, p.Code)
	}
	want(t, codes, "E225", "E226")
	started, err := s.Start(t.Context(), trigger.Request{Project: "app"})
	if err != nil || started.Result != plan.Failed || len(started.Problems) != 2 {
		t.Errorf("started by hand: %+v, error %v", started, err)
	}
	setting := server.Setting{Project: "app", Name: "region", Value: "eu"}
	if err := s.db.SetVariable(t.Context(), setting); err != nil {
		t.Fatal(err)
	}
	setting.Name, setting.Value = "token", "do not tell"
	if err := s.db.SetSecret(t.Context(), setting); err != nil {
		t.Fatal(err)
	}
	s.commit("more", "")
	want(t, s.push(), "ci: queued")
	j := s.planOf(3)
	if !j.Activities[0].Late || strings.Join(j.Secrets, " ") != "token" {
		t.Errorf("job is %+v", j)
	}
}

func TestLibraryOfAPipeline(t *testing.T) {
	s := registered(t)
	lib := newLibrary(t)
	declared := "library \"acme\" {\n source  = \"" + lib.dir + "\"\n version = \"v1\"\n}\n"
	text := strings.Replace(with(declared, "activity \"y\" { use = lib.acme.x }\n"), "image = \"alpine:3.20\"\n", "", 1)
	s.commit(".tutti/ci.hcl", text)
	want(t, s.push(), ": done failed, the pipeline has mistakes") // it is not locked
	ref := dsl.LibraryRef{Name: "acme", Source: lib.dir, Version: "v1"}
	l, err := trigger.FetchLibrary(t.Context(), s.Libraries, ref)
	if err != nil {
		t.Fatal(err)
	}
	ref.Commit, ref.SHA256 = l.Commit, l.SHA256
	s.commit(".tutti/tutti.lock.hcl", string(dsl.WriteLock([]dsl.LibraryRef{ref})))
	want(t, s.push(), "ci: queued")
	if a := s.planOf(2).Activities[0]; a.Script != "echo hi" || a.Image != "alpine" || a.Uses != "lib.acme.x" {
		t.Errorf("activity is %+v", a)
	}

	// The tag is moved: what is locked runs on. A lock file that says something else does not.
	moved := &scene{t: t, dir: lib.dir}
	moved.commit("scripts/x.sh", "evil")
	moved.git("tag", "--force", "v1")
	s.commit("more", "")
	want(t, s.push(), "ci: queued")
	if a := s.planOf(3).Activities[0]; a.Script != "echo hi" {
		t.Errorf("activity is %+v", a)
	}
	ref.Commit = moved.git("rev-parse", "HEAD")
	s.commit(".tutti/tutti.lock.hcl", string(dsl.WriteLock([]dsl.LibraryRef{ref})))
	want(t, s.push(), ": done failed, the pipeline has mistakes")
	r, err := s.db.Run(t.Context(), 4)
	if err != nil || len(r.Problems) == 0 || r.Problems[0].Code != "E224" || !strings.Contains(r.Problems[0].Detail, ref.SHA256) {
		t.Errorf("problems are %+v (%v)", r.Problems, err)
	}
}

// TestPushOfATag is two events, of which a pipeline answers at most one.
func TestPushOfATag(t *testing.T) {
	s := registered(t)
	s.commit(".tutti/ci.hcl", "pipeline \"any\" {\n on \"push\" {}\n"+small+"pipeline \"release\" {\n on \"tag\" { names = [\"v*\"] }\n"+small+
		"pipeline \"both\" {\n on \"push\" {}\n on \"tag\" {}\n"+small)
	want(t, s.push(), "any: queued", "both: queued")
	s.git("tag", "v1")
	want(t, s.push(), "any: queued", "release: queued", "both: queued")
	s.git("tag", "other")
	want(t, s.push(), "any: queued", "both: queued")
	kinds := s.runs()
	want(t, kinds[2:], "any by push", "release by tag", "both by tag", "any by push", "both by tag")
}
