package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tutti-ci/tutti/dsl"
)

// eventKinds are what an event can be, as --event takes them.
var eventKinds = []string{dsl.KindPush, dsl.KindPullRequest, dsl.KindTag, dsl.KindSchedule, dsl.KindManual, dsl.KindPipeline}

// eventFlags describe an event that never was: for commands that show what would become of it.
type eventFlags struct {
	kind, branch, tag, target, cron, source string
	fork                                    bool
	changed                                 []string
	inputs                                  []string
	settings                                settingFlags
}

func (f *eventFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.kind, "event", dsl.KindPush, "what happens: "+strings.Join(eventKinds, ", "))
	flags.StringVar(&f.branch, "branch", "", "branch of the event, or source of the pull request; by default the one that is checked out, or main")
	flags.StringVar(&f.tag, "tag", "", "tag of the event, in place of a branch")
	flags.StringVar(&f.target, "target", "", "branch that the pull request wants to change; by default the default branch")
	flags.BoolVar(&f.fork, "from-fork", false, "the pull request comes from a fork")
	flags.StringVar(&f.cron, "cron", "", "which schedule it is, as it is written in the file; by default each")
	flags.StringVar(&f.source, "source", "", "pipeline that passed, for --event pipeline")
	flags.StringArrayVar(&f.changed, "changed", nil, "path that the event changed; may be repeated; without it, every filter by path lets it pass")
	flags.StringArrayVar(&f.inputs, "input", nil, "an input of the pipeline, as NAME=VALUE; may be repeated")
	f.settings.register(cmd)
}

// check says which flags do not go together.
func (f *eventFlags) check() error {
	only := func(flag, kind string, set bool) error {
		if set && f.kind != kind {
			return misused("--%s belongs to --event %s", flag, kind)
		}
		return nil
	}
	switch {
	case !slices.Contains(eventKinds, f.kind):
		return misused("--event %q is not one of %s", f.kind, strings.Join(eventKinds, ", "))
	case f.branch != "" && f.tag != "":
		return misused("--branch and --tag exclude each other: an event is about one of them")
	case f.tag != "" && (f.kind == dsl.KindPullRequest || f.kind == dsl.KindSchedule):
		return misused("--event %s is about a branch, and has no --tag", f.kind)
	case f.kind == dsl.KindTag && f.tag == "":
		return misused("--event tag needs the --tag that is pushed")
	case f.kind == dsl.KindPipeline && f.source == "":
		return misused("--event pipeline needs the --source, which is the pipeline that passed")
	}
	for _, err := range []error{
		only("target", dsl.KindPullRequest, f.target != ""), only("from-fork", dsl.KindPullRequest, f.fork),
		only("cron", dsl.KindSchedule, f.cron != ""), only("source", dsl.KindPipeline, f.source != ""),
	} {
		if err != nil {
			return err
		}
	}
	return nil
}

// event makes the event up. What the flags do not say comes from the repository around path; where there is none, from
// nowhere.
func (f *eventFlags) event(ctx context.Context, path string, now time.Time) (dsl.Event, error) {
	if err := f.check(); err != nil {
		return dsl.Event{}, err
	}
	git := func(fallback string, args ...string) string {
		if out, err := runGit(ctx, nil, append([]string{"-C", folderOf(path)}, args...)...); err == nil && out != "" {
			return out
		}
		return fallback // it is no repository, or has no such thing
	}
	ev := dsl.Event{
		Kind: f.kind, Branch: f.branch, Tag: f.tag, Source: f.source, Changed: f.changed,
		Commit:  git(strings.Repeat("0", 40), "rev-parse", "--verify", "--quiet", "HEAD"),
		Title:   git("", "log", "-1", "--format=%s"),
		Message: git("", "log", "-1", "--format=%B"),
		Actor:   os.Getenv("USER"),
		// A plan is made before its run gets a number; people want to see where it goes.
		Run: dsl.Run{ID: 1, URL: "http://tutti.example/runs/1", StartedAt: now.UTC().Format(time.RFC3339)},
	}
	ev.Repo = dsl.Repo{
		Name:          filepath.Base(git("repository", "rev-parse", "--show-toplevel")),
		URL:           git("", "remote", "get-url", "origin"),
		DefaultBranch: strings.TrimPrefix(git("main", "symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD"), "origin/"),
	}
	ev.Repo.Owner = ownerOf(ev.Repo.URL)
	switch {
	case f.kind == dsl.KindSchedule && ev.Branch == "":
		ev.Branch = ev.Repo.DefaultBranch
	case ev.Branch == "" && ev.Tag == "":
		ev.Branch = git("main", "symbolic-ref", "--quiet", "--short", "HEAD")
	}
	ev.Ref = "refs/heads/" + ev.Branch
	switch {
	case f.kind == dsl.KindPullRequest:
		target := f.target
		if target == "" {
			target = ev.Repo.DefaultBranch
		}
		ev.PullRequest = &dsl.PullRequest{Number: 1, Title: ev.Title, SourceBranch: ev.Branch, TargetBranch: target, FromFork: f.fork}
		ev.Branch, ev.Ref = "", "refs/pull/1/merge"
	case ev.Tag != "":
		ev.Ref = "refs/tags/" + ev.Tag
	}
	return ev, nil
}

// folderOf is where git can be asked about a path.
func folderOf(path string) string {
	if info, err := os.Stat(path); err == nil && !info.IsDir() {
		return filepath.Dir(path)
	}
	return path
}

// ownerOf is the part of a repository's address before its name.
func ownerOf(url string) string {
	parts := strings.FieldsFunc(strings.TrimSuffix(url, ".git"), func(r rune) bool { return r == '/' || r == ':' })
	if len(parts) < 3 {
		return ""
	}
	return parts[len(parts)-2]
}

// described says in words what happens.
func describedEvent(ev dsl.Event) string {
	switch {
	case ev.PullRequest != nil && ev.PullRequest.FromFork:
		return "pull request of a fork, from " + ev.PullRequest.SourceBranch + " to " + ev.PullRequest.TargetBranch
	case ev.PullRequest != nil:
		return "pull request from " + ev.PullRequest.SourceBranch + " to " + ev.PullRequest.TargetBranch
	case ev.Kind == dsl.KindPipeline:
		return "pipeline " + ev.Source + " passed on " + refOf(ev)
	case ev.Kind == dsl.KindSchedule:
		return "schedule " + ev.Schedule
	}
	return ev.Kind + " of " + refOf(ev)
}

func refOf(ev dsl.Event) string {
	if ev.Tag != "" {
		return "tag " + ev.Tag
	}
	return "branch " + ev.Branch
}
