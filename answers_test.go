package main

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

func TestAnswersOfALocalRun(t *testing.T) {
	t.Setenv("USER", "dana")
	for name, tt := range map[string]struct {
		approved []string
		ask      func(context.Context, string) (bool, error)
		approve  bool
		by, says string
	}{
		"ByName":     {approved: []string{"other", "release"}, approve: true, by: "dana", says: "--approve"},
		"All":        {approved: []string{"all"}, approve: true, by: "dana", says: "--approve"},
		"OtherName":  {approved: []string{"other"}, by: "tutti run", says: "--approve release"},
		"NoTerminal": {by: "tutti run", says: "there is no terminal to ask at"},
		"Yes":        {ask: func(context.Context, string) (bool, error) { return true, nil }, approve: true, by: "dana"},
		"No":         {ask: func(context.Context, string) (bool, error) { return false, nil }, by: "dana"},
		"Broken":     {ask: func(context.Context, string) (bool, error) { return false, io.ErrUnexpectedEOF }, by: "tutti run", says: "unexpected EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			given := map[string]server.Decision{}
			var asked string
			a := newTestAnswers(t, given, tt.approved, tt.ask)
			if ask := tt.ask; ask != nil {
				a.ask = func(ctx context.Context, text string) (bool, error) { asked = text; return ask(ctx, text) }
			}
			now := time.Now()
			waits := server.Job{Name: "release", Kind: plan.KindApproval, State: plan.Waiting, Approval: &server.Approval{Message: "Ship 1.2?", Approvers: []string{"group:managers"}}}
			a.Jobs([]server.Job{waits, {Name: "build", State: plan.Waiting}}) // not asked yet
			waits.Approval = &server.Approval{Message: "Ship 1.2?", Approvers: []string{"group:managers"}, AskedAt: &now}
			a.Jobs([]server.Job{waits})
			a.Jobs([]server.Job{waits}) // once is enough
			a.work.Wait()
			d, ok := given["release"]
			if !ok || len(given) != 1 {
				t.Fatalf("answered were %+v", given)
			}
			if d.Approve != tt.approve || d.By != tt.by || !strings.Contains(d.Comment, tt.says) {
				t.Errorf("the answer is %+v", d)
			}
			if tt.ask != nil && asked != "release waits for approval by group:managers: Ship 1.2?" {
				t.Errorf("the question is %q", asked)
			}
		})
	}
}

func TestAnswersEndWithTheRun(t *testing.T) {
	given := map[string]server.Decision{}
	a := newTestAnswers(t, given, nil, func(ctx context.Context, _ string) (bool, error) {
		<-ctx.Done()
		return false, ctx.Err()
	})
	ctx, end := context.WithCancel(t.Context())
	a.ctx = ctx
	now := time.Now()
	a.Jobs([]server.Job{{Name: "release", Kind: plan.KindApproval, State: plan.Waiting, Approval: &server.Approval{AskedAt: &now}}})
	end()
	a.work.Wait()
	if len(given) > 0 {
		t.Errorf("a question that nobody answered was answered with %+v", given)
	}
}

func newTestAnswers(t *testing.T, given map[string]server.Decision, approved []string, ask func(context.Context, string) (bool, error)) *answers {
	return &answers{
		view: newPlainView(io.Discard), run: 7, approved: approved, ask: ask, ctx: t.Context(), asked: map[string]bool{},
		decide: func(_ context.Context, run server.RunID, job string, d server.Decision) error {
			if _, again := given[job]; again || run != 7 {
				return errors.New("answered before, or of another run")
			}
			given[job] = d
			return nil
		},
		failed: func(err error) { t.Error(err) },
	}
}
