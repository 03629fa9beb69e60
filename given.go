package main

import (
	"context"

	"github.com/tutti-ci/tutti/dsl"
	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/store"
)

// givenSettings are the variables and secrets of a local run: whoever started it gave them, for every environment.
type givenSettings struct {
	settings *dsl.Settings // nil if there are none
	secrets  map[string]string
}

// A settledStore is the store with settings that stay in this process: those of a local run must not reach a disk.
type settledStore struct {
	*store.DB
	given *givenSettings // nil where the store's own settings count
}

// Variables answers the variables of a project.
func (s settledStore) Variables(ctx context.Context, project string) ([]server.Setting, error) {
	if s.given == nil {
		return s.DB.Variables(ctx, project)
	}
	var all []server.Setting
	if s.given.settings != nil {
		for environment, values := range s.given.settings.Variables {
			for name, value := range values {
				all = append(all, server.Setting{Project: project, Environment: environment, Name: name, Value: value})
			}
		}
	}
	return all, nil
}

// Secrets answers which secrets a project has.
func (s settledStore) Secrets(ctx context.Context, project string) ([]server.Setting, error) {
	if s.given == nil {
		return s.DB.Secrets(ctx, project)
	}
	var all []server.Setting
	for name := range s.given.secrets {
		all = append(all, server.Setting{Project: project, Name: name})
	}
	return all, nil
}

// SecretValues answers the values of those of the named secrets that there are.
func (s settledStore) SecretValues(ctx context.Context, project, environment string, names []string) (map[string]string, error) {
	if s.given == nil {
		return s.DB.SecretValues(ctx, project, environment, names)
	}
	values := map[string]string{}
	for _, name := range names {
		if value, ok := s.given.secrets[name]; ok {
			values[name] = value
		}
	}
	return values, nil
}
