package simulator

import (
	"time"
)

// A truth is what would become of a job that nothing disturbs.
type truth struct{ steps []stepTruth }

type stepTruth struct {
	takes time.Duration
	size  int
	code  int
}

// A logTruth is what a process wrote, and how it ended.
type logTruth struct {
	stepTruth
	content []byte
	wrote   int
	began   bool
	exit    *exit
}

func (t *logTruth) bytes(off, n int) []byte { return t.content[off : off+n] }

// longest is the most that the processes of a job take.
const longest = 3 * 20 * time.Minute

func (k *checker) created(run int64) {
	t := &truth{}
	for range 1 + k.w.rng.IntN(3) {
		step := stepTruth{takes: k.w.between(time.Second, pick(k.w, 10*time.Second, time.Minute, 5*time.Minute, 20*time.Minute)), size: k.w.rng.IntN(600)}
		if k.w.chance(0.15) {
			step.code = 1
		}
		t.steps = append(t.steps, step)
	}
	k.jobs[run] = t
}

func (k *checker) job(run int64) *truth { return k.jobs[run] }

func (k *checker) truth(id logID) *logTruth {
	if t := k.logs[id]; t != nil {
		return t
	}
	t := &logTruth{stepTruth: k.jobs[id.claim.Run].steps[id.activity[1]-'0']}
	x := uint64(id.claim.Run)<<40 ^ uint64(id.claim.Epoch)<<8 ^ uint64(id.activity[1])
	for range t.size {
		x = x*6364136223846793005 + 1442695040888963407
		t.content = append(t.content, byte(x>>56))
	}
	k.logs[id] = t
	return t
}
