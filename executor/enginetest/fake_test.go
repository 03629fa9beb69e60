package enginetest_test

import (
	"testing"
	"time"

	"github.com/tutti-ci/tutti/executor"
	"github.com/tutti-ci/tutti/executor/enginetest"
)

func TestFake(t *testing.T) {
	enginetest.Run(t, func(t *testing.T) enginetest.Subject {
		machine := enginetest.NewMachine(t)
		next := func() executor.Engine { return &enginetest.Fake{Grace: 300 * time.Millisecond, Machine: machine} }
		return enginetest.Subject{Engine: next(), Image: "any", Next: next, Lose: machine.Lose}
	})
}
