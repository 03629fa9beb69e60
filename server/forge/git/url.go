package git

import (
	"net/url"
	"regexp"
	"strings"
	"unicode"

	"github.com/tutti-ci/tutti/server"
)

// scpLike is user@host:path, as people paste it. None of the three may look like an option to ssh or git.
var scpLike = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]*@(?:[A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9A-Fa-f:.]+\]):[^-:].*$`)

// host is what may stand for a host in a url.
var host = regexp.MustCompile(`^(?:[A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]+)?$`)

// CheckURL answers an Invalid error for a url that git is not to see: one that would start a program, read an option, or
// that nobody can mean.
func CheckURL(raw string) error {
	if usable(raw) {
		return nil
	}
	return server.Errorf(server.Invalid,
		"%q is no repository that tutti reads: give an https, http, ssh, git or file URL, user@host:path, or an absolute path on the server's host", server.RedactURL(raw))
}

func usable(raw string) bool {
	switch {
	case strings.ContainsFunc(raw, unicode.IsControl):
		return false
	case strings.HasPrefix(raw, "/"):
		return true
	case scpLike.MatchString(raw) && !strings.Contains(raw, "://"):
		return true
	}
	u, err := url.Parse(raw)
	if err != nil || u.Opaque != "" || strings.HasPrefix(u.User.Username(), "-") {
		return false
	}
	switch u.Scheme {
	case "https", "http", "ssh", "git":
		return host.MatchString(u.Host) && len(u.Path) > 1
	case "file":
		return u.Host == "" && strings.HasPrefix(u.Path, "/")
	}
	return false
}
