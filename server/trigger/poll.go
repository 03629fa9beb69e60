package trigger

import (
	"context"
	"sync"
	"time"
)

// pollers bounds how many repositories are looked at at the same time.
const pollers = 4

// Poll looks for pushes in all projects, now and after each interval, until ctx ends. It is there for repositories that do
// not call Push themselves, and for calls that were lost.
func (t *Trigger) Poll(ctx context.Context, interval time.Duration) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		t.pollAll(ctx)
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// pollAll looks at each project once.
func (t *Trigger) pollAll(ctx context.Context) {
	t.eachProject(ctx, func(project string) {
		if _, err := t.Push(ctx, project); err != nil && ctx.Err() == nil {
			t.Log.Warn("project cannot be looked at", "project", project, "error", err)
		}
	})
}

// eachProject does something for all projects, for a few of them at the same time: a repository may take long to answer.
func (t *Trigger) eachProject(ctx context.Context, do func(project string)) {
	projects, err := t.Store.Projects(ctx)
	if err != nil {
		if ctx.Err() == nil {
			t.Log.Error("projects cannot be listed", "error", err)
		}
		return
	}
	slots := make(chan struct{}, pollers)
	var wg sync.WaitGroup
	defer wg.Wait()
	for _, p := range projects {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		wg.Go(func() {
			defer func() { <-slots }()
			do(p.Name)
		})
	}
}
