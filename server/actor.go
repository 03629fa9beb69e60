package server

import "context"

// An Actor is who makes a request, as package auth found out.
type Actor string

// Admin is whoever holds the admin token, or signed in by a one-use link.
const Admin Actor = "admin"

type actorKey struct{}

// WithActor answers a context that carries who makes the request.
func WithActor(ctx context.Context, a Actor) context.Context {
	return context.WithValue(ctx, actorKey{}, a)
}

// ActorOf answers who makes the request; empty if nobody was let in.
func ActorOf(ctx context.Context) Actor {
	a, _ := ctx.Value(actorKey{}).(Actor)
	return a
}
