package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/tutti-ci/tutti/server"
)

// Variables lists the variables of a project.
func (c *Client) Variables(ctx context.Context, project string) ([]server.Setting, error) {
	var out struct {
		Variables []server.Setting `json:"variables"`
	}
	err := c.call(ctx, http.MethodGet, projectPath(project)+"/variables", nil, &out)
	return out.Variables, err
}

// SetVariable sets a variable, for one environment or for all.
func (c *Client) SetVariable(ctx context.Context, s server.Setting) error {
	return c.call(ctx, http.MethodPut, settingPath("variables", s), map[string]string{"value": s.Value}, nil)
}

// RemoveVariable removes a variable; its value does not matter.
func (c *Client) RemoveVariable(ctx context.Context, s server.Setting) error {
	return c.call(ctx, http.MethodDelete, settingPath("variables", s), nil, nil)
}

// Secrets lists the secrets of a project, without their values.
func (c *Client) Secrets(ctx context.Context, project string) ([]server.Setting, error) {
	var out struct {
		Secrets []server.Setting `json:"secrets"`
	}
	err := c.call(ctx, http.MethodGet, projectPath(project)+"/secrets", nil, &out)
	return out.Secrets, err
}

// SetSecret sets a secret, for one environment or for all.
func (c *Client) SetSecret(ctx context.Context, s server.Setting) error {
	return c.call(ctx, http.MethodPut, settingPath("secrets", s), map[string]string{"value": s.Value}, nil)
}

// RemoveSecret removes a secret.
func (c *Client) RemoveSecret(ctx context.Context, s server.Setting) error {
	return c.call(ctx, http.MethodDelete, settingPath("secrets", s), nil, nil)
}

func settingPath(kind string, s server.Setting) string {
	path := projectPath(s.Project) + "/" + kind + "/" + url.PathEscape(s.Name)
	if s.Environment != "" {
		path += "?environment=" + url.QueryEscape(s.Environment)
	}
	return path
}
