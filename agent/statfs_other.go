//go:build !linux

package agent

import (
	"errors"
	"math"
)

// fileSystem cannot tell here.
func fileSystem(string) (int64, error) { return 0, errors.ErrUnsupported }

// freeSpace cannot tell here, so that nothing is refused.
func freeSpace(string) (int64, error) { return math.MaxInt64, nil }
