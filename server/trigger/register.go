package trigger

import (
	"context"
	"errors"

	"github.com/tutti-ci/tutti/server"
)

// Register stores a project whose repository can be read. What is there already starts nothing: only what is pushed from
// now on does. So a push after the first one to an empty repository counts, and ten years of branches do not.
func (t *Trigger) Register(ctx context.Context, p server.Project) error {
	if err := p.Validate(); err != nil {
		return err
	}
	unlock, err := t.projects.lock(ctx, p.Name)
	if err != nil {
		return err
	}
	defer unlock()
	switch _, err := t.Store.Project(ctx, p.Name); {
	case err == nil:
		return server.Errorf(server.Conflict, "there is a project %q already", p.Name)
	case server.KindOf(err) != server.NotFound:
		return err
	}
	if err := t.fetch(ctx, p); err != nil {
		return asInvalid(err)
	}
	heads, err := t.Forge.Heads(ctx, p.Name)
	if err != nil {
		return err
	}
	if err := t.Store.CreateProject(ctx, p); err != nil {
		return err
	}
	return t.Store.KnowHeads(ctx, p.Name, heads)
}

// asInvalid says that a repository that cannot be read is a mistake of whoever registers it.
func asInvalid(err error) error {
	var e *server.Error
	if errors.As(err, &e) && e.Kind == server.Unavailable {
		return &server.Error{Kind: server.Invalid, Message: e.Message, Err: e.Err}
	}
	return err
}
