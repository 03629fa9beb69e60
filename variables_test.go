package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tutti-ci/tutti/dsl"
)

func TestReadSettings(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	first := file("first.env", "\ufeff# for all\r\nREGION=eu-1\r\n\nexport zone = \"a\\tb\"\nquoted='it''s $HOME # here'\nempty=\nlist=[1, 2]\n")
	second := file("second.env", "region=eu-2")
	secrets := file("secrets.env", "NPM_TOKEN=abc=def==\nkey=\"line 1\\nline 2\\n\"\n")

	settings, values, err := readSettings([]string{"Zone=z=1"}, []string{first, second}, []string{secrets},
		[]string{"TUTTI_VAR_REGION=us", "TUTTI_VAR_DB_HOST=db", "TUTTI_VARIOUS=no", "PATH=/bin", "TUTTI_VAR_FILE=f"})
	if err != nil {
		t.Fatal(err)
	}
	want := &dsl.Settings{
		Variables: map[string]map[string]string{"": {
			"region": "eu-2", "zone": "z=1", "quoted": "it''s $HOME # here", "empty": "", "list": "[1, 2]", "db_host": "db", "db-host": "db", "file": "f",
		}},
		Secrets: map[string][]string{"": {"key", "npm_token"}},
	}
	if diff := cmp.Diff(want, settings); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"npm_token": "abc=def==", "key": "line 1\nline 2\n"}, values); diff != "" {
		t.Errorf("secrets (-want +got):\n%s", diff)
	}
	if settings, values, err := readSettings(nil, nil, nil, []string{"PATH=/bin"}); settings != nil || values != nil || err != nil {
		t.Errorf("nothing given is %v, %v, %v", settings, values, err)
	}
}

func TestReadSettingsRefusesWithoutAValue(t *testing.T) {
	for name, tt := range map[string]struct{ text, says string }{
		"TooShort":   {"token=hunte", `:1: the secret "token" has fewer than 6 bytes`},
		"Unclosed":   {"# one\ntoken=\"hunter2", `:2: the value of "token" begins with " and does not end with it`},
		"Escape":     {`token="hunter2\q"`, `:1: the value of "token" has a quote or a backslash`},
		"NoPair":     {"hunter2hunter2", ":1: this is not of the form NAME=VALUE"},
		"BadName":    {"to.ken=hunter2", ":1: name \"to.ken\""},
		"TwiceNamed": {"token=hunter2\nTOKEN=hunter3", `:2: "token" was set in line 1 already`},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "s")
			if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, _, err := readSettings(nil, nil, []string{path}, nil)
			if err == nil || !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "hunte") {
				t.Errorf("the error is %v, want %q and no value", err, tt.says)
			}
		})
	}
	for pair, says := range map[string]string{"x": "NAME=VALUE", "a b=c": `"a b"`} {
		if _, _, err := readSettings([]string{pair}, nil, nil, nil); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("--var %q gives %v, want %q", pair, err, says)
		}
	}
}
