package agent

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/tutti-ci/tutti/agent/wire"
)

// defaultMinFree is the space on the disk of the data folder without which the agent takes no work.
const defaultMinFree = 256 << 20

// watchDisk looks at the disk of the data folder, and at what is kept there without need, until ctx ends.
func (w *worker) watchDisk(ctx context.Context) {
	tick := time.NewTicker(checkInterval)
	defer tick.Stop()
	for {
		w.keep.prune(w.current().KeepLogs, w.holds)
		_ = w.checkDisk() // health knows
		select {
		case <-tick.C:
		case <-w.recheck:
		case <-ctx.Done():
			return
		}
	}
}

// checkDisk says why there is too little space for another job, if there is. Before that it drops what is kept without need.
func (w *worker) checkDisk() error {
	err := w.lacksSpace()
	for err != nil && w.keep.free(w.holds) {
		err = w.lacksSpace()
	}
	w.health.setDisk(err)
	return err
}

func (w *worker) lacksSpace() error {
	least := w.current().MinFree
	if least == 0 {
		least = defaultMinFree
	}
	free, err := freeSpace(w.DataDir)
	if err != nil {
		return fmt.Errorf("looking at the disk of %s: %w", w.DataDir, err)
	}
	if free >= least {
		return nil
	}
	return fmt.Errorf("the disk of the agent's data folder %s is full: %s free, and no job is taken below %s",
		w.DataDir, mebibytes(free), mebibytes(least))
}

func mebibytes(n int64) string { return fmt.Sprintf("%.0f MiB", float64(n)/(1<<20)) }

// holds says whether the agent has a job of this claim.
func (w *worker) holds(c wire.Claim) bool { return w.job(c) != nil }

// patience is that of all that writes into the data folder.
func (w *worker) patience() patience {
	return patience{limit: diskPatience, full: func(err error) {
		w.log.Warn("the disk of the agent's data folder is full; what needs it waits", "error", err)
		w.keep.free(w.holds)
		w.health.setDisk(err)
	}}
}

// sweepFiles removes what a process left that was killed while it wrote a file.
func sweepFiles(dataDir string) error {
	found, err := os.ReadDir(dataDir)
	if err != nil {
		return fmt.Errorf("sweeping the data folder: %w", err)
	}
	for _, each := range found {
		name := each.Name()
		if strings.HasPrefix(name, "identity.") || strings.HasSuffix(name, ".tmp") {
			if err := os.Remove(filepath.Join(dataDir, name)); err != nil {
				return fmt.Errorf("sweeping the data folder: %w", err)
			}
		}
	}
	return nil
}
