package git_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/forge/git"
)

func TestCheckURL(t *testing.T) {
	for _, url := range []string{
		"https://github.com/google/uuid", "https://dana:secret@git.example.com:8443/a/b.git", "http://127.0.0.1:3000/x",
		"ssh://git@example.com/x.git", "ssh://git@[::1]:22/x.git", "git://example.com/x", "git@github.com:google/uuid.git",
		"file:///srv/git/x.git", "/srv/git/x.git", "/srv/my repositories/$(id)",
	} {
		if err := git.CheckURL(url); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
	for _, url := range []string{
		"", "x", "./x", "../x", "-x", "--upload-pack=touch /tmp/p", "ext::sh -c id", "EXT::sh -c id", "fd::17", "transport::https://x/y",
		"ssh://-oProxyCommand=id/x", "ssh://-oProxyCommand=id@host/x", "-oProxyCommand=id@host:x", "git@-oProxyCommand=id:x", "git@host:-x",
		"git@host::x", "https://", "https:///x", "https://host", "ftp://host/x", "file://host/x", "file:x", "javascript:alert(1)",
		"https://host/x\nfetch = +refs/*", "/srv/x\x00", "host:x", "https:host/x",
	} {
		wantKind(t, git.CheckURL(url), server.Invalid, "is no repository that tutti reads")
	}
}

// TestHostileURL gives git itself what CheckURL refuses.
func TestHostileURL(t *testing.T) {
	witness := filepath.Join(t.TempDir(), "executed")
	for _, url := range []string{"ext::touch " + witness, "--upload-pack=touch " + witness} {
		wantKind(t, newMirrors(t).Fetch(t.Context(), server.Project{Name: "app", URL: url}), server.Invalid, "")
	}
	if _, err := os.Stat(witness); err == nil {
		t.Error("a url was executed")
	}
}

func TestURLWithQuotes(t *testing.T) {
	r, m := newRepo(t), newMirrors(t)
	odd := filepath.Join(t.TempDir(), `a "b\ #;c`)
	if err := os.Symlink(r.dir, odd); err != nil {
		t.Fatal(err)
	}
	r.commit("one")
	fetch(t, m, server.Project{Name: "app", URL: odd})
}
