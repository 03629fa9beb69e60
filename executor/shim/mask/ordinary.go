package mask

import "strings"

// minDistinct is how many different bytes a line must have to be worth masking: others are rulers.
const minDistinct = 4

// ordinary says that a line of a secret is nothing that is secret: it frames what is, and is found in many texts that have
// nothing to do with it. A secret of one line is never ordinary: whoever says that it is one means it.
func ordinary(line string) bool {
	for _, frame := range []string{"-----BEGIN ", "-----END ", "---- BEGIN ", "---- END "} {
		if strings.HasPrefix(line, frame) {
			return true
		}
	}
	return distinct(line) < minDistinct || opening(line) || boilerplate(line)
}

// opening says that a line only names what the lines below it hold: "users:", `"keys": [`.
func opening(line string) bool {
	name := strings.TrimRight(line, "{[: ")
	if name == line {
		return false
	}
	return strings.Trim(strings.ToLower(name), `abcdefghijklmnopqrstuvwxyz_-"'. `) == ""
}

func distinct(line string) int {
	var seen [256]bool
	n := 0
	for i := range len(line) {
		if !seen[line[i]] {
			seen[line[i]] = true
			n++
		}
	}
	return n
}

// boilerplate knows the lines that files with credentials have in common (kubeconfig, keys of cloud accounts, .netrc and
// the like), and words that every log is full of.
func boilerplate(line string) bool {
	switch strings.TrimRight(strings.ToLower(line), ",; ") {
	case "apiversion: v1", "kind: config", "kind: secret", "preferences: {}", "current-context: default", "name: default",
		"- name: default", "user: default", "cluster: default", "type: opaque",
		`"type": "service_account"`, `"auth_uri": "https://accounts.google.com/o/oauth2/auth"`,
		`"token_uri": "https://oauth2.googleapis.com/token"`, `"universe_domain": "googleapis.com"`,
		`"auth_provider_x509_cert_url": "https://www.googleapis.com/oauth2/v1/certs"`,
		"[default]", "output = json", "machine github.com", "machine api.github.com", "registry=https://registry.npmjs.org/",
		"proc-type: 4,encrypted", "username", "password", "localhost", "127.0.0.1", "production", "development", "database",
		"postgres", "postgresql", "undefined", "disabled", "anonymous":
		return true
	}
	return false
}
