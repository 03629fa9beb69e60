//go:build linux

package pid1

import (
	"slices"

	"github.com/tutti-ci/tutti/executor/shim/mask"
)

// A maskSet keeps the masks of the last activity: those of the next one are mostly the same, and take a while to make.
type maskSet struct {
	secrets []string
	set     *mask.Set
}

func (m *maskSet) of(secrets []string) *mask.Set {
	if len(secrets) == 0 {
		return nil
	}
	if !slices.Equal(m.secrets, secrets) {
		m.secrets, m.set = secrets, mask.New(secrets)
	}
	return m.set
}
