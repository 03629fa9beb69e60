package server

import (
	"regexp"
	"strings"
	"time"
)

// A Project is a repository that the server knows.
type Project struct {
	Name      string    `json:"name"`
	URL       string    `json:"url"` // what git clones: a URL, or a path on the server's host
	CreatedAt time.Time `json:"created_at"`
	// Problem says why the repository could not be read the last time; empty if it could.
	Problem string `json:"problem,omitempty"`
}

var projectName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,99}$`)

// Validate answers an Invalid error if the name cannot be one.
func (p Project) Validate() error {
	if !projectName.MatchString(p.Name) {
		return Errorf(Invalid, "project name %q: use lower-case letters, digits, '.', '_' and '-', starting with a letter or digit, at most 100", p.Name)
	}
	if p.URL == "" {
		return Errorf(Invalid, "project %q has no url: give the URL or path that git clones", p.Name)
	}
	return nil
}

// RedactURL takes what may be secret out of a repository's url, for messages and for pipelines: the password, and over HTTP
// the user as well, because that is where tokens are.
func RedactURL(raw string) string {
	scheme, rest, ok := strings.Cut(raw, "://")
	if !ok {
		return raw
	}
	authority, path := rest, ""
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		authority, path = rest[:i], rest[i:]
	}
	at := strings.LastIndexByte(authority, '@')
	if at < 0 {
		return raw
	}
	user, _, _ := strings.Cut(authority[:at], ":")
	if scheme == "http" || scheme == "https" {
		return scheme + "://" + authority[at+1:] + path
	}
	return scheme + "://" + user + "@" + authority[at+1:] + path
}
