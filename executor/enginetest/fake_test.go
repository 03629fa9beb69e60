package enginetest_test

import (
	"testing"
	"time"

	"github.com/tutti-ci/tutti/executor/enginetest"
)

func TestFake(t *testing.T) {
	enginetest.Run(t, func(*testing.T) enginetest.Subject {
		return enginetest.Subject{Engine: &enginetest.Fake{Grace: 300 * time.Millisecond}, Image: "any"}
	})
}
