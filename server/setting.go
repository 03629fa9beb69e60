package server

import "regexp"

// A Setting is a value that a project keeps on the server: a variable, or a secret.
type Setting struct {
	Project string `json:"project"`
	// Environment is that of the jobs that it is for; empty is for all that have no value of their own.
	Environment string `json:"environment,omitempty"`
	Name        string `json:"name"`
	Value       string `json:"value,omitempty"` // never answered for a secret
}

// MinSecret is the length of the shortest secret, in bytes: a shorter one would be found in ordinary text, and so could
// not be kept out of logs.
const MinSecret = 6

// MaxOutputs bounds all outputs of a job, or of an activity, in bytes.
const MaxOutputs = 128 << 10

// MaxSetting bounds a value, in bytes.
const MaxSetting = 64 << 10

var settingName = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,39}$`)

// Validate answers an Invalid error if the setting cannot be one.
func (s Setting) Validate() error {
	switch {
	case !settingName.MatchString(s.Name):
		return Errorf(Invalid, "name %q: use lower-case letters, digits, '_' and '-', starting with a letter, at most 40", s.Name)
	case s.Environment != "" && !settingName.MatchString(s.Environment):
		return Errorf(Invalid, "environment %q: use lower-case letters, digits, '_' and '-', starting with a letter, at most 40", s.Environment)
	case len(s.Value) > MaxSetting:
		return Errorf(Invalid, "the value of %q has %d bytes; at most %d are allowed", s.Name, len(s.Value), MaxSetting)
	}
	return nil
}

// ValidateSecret answers an Invalid error, which never holds the value, if the setting cannot be a secret.
func (s Setting) ValidateSecret() error {
	if err := s.Validate(); err != nil {
		return err
	}
	if len(s.Value) < MinSecret {
		return Errorf(Invalid, "the secret %q has fewer than %d bytes: so short a text would be found in ordinary words, and could not be kept out of logs", s.Name, MinSecret)
	}
	return nil
}
