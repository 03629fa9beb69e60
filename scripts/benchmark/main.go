// Command benchmark measures what Tutti promises about speed beside raw Docker calls made in the same minutes on the same
// machine, prints both with their ratio, and writes the table into README.md when asked to. It asserts nothing: machines
// are noisy, and a person reads the ratios.
//
//	benchmark -tutti bin/tutti [-image debian:12] [-rounds 5] [-readme README.md]
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	"github.com/tutti-ci/tutti/scripts/rawdocker"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	tutti := flag.String("tutti", "bin/tutti", "the binary to measure")
	image := flag.String("image", "debian:12", "the image to measure with; it needs bash")
	rounds := flag.Int("rounds", 5, "how often to measure each figure; the median counts")
	readme := flag.String("readme", "", "file whose table to replace")
	flag.Parse()
	if err := run(ctx, *tutti, *image, *rounds, *readme); err != nil {
		fmt.Fprintln(os.Stderr, "benchmark:", err)
		os.Exit(1)
	}
}

// A row is one promise: what raw Docker takes and what Tutti takes, in one unit.
type row struct {
	What      string
	Raw, Ours string
	Ratio     string // ours / raw
	Promise   string
}

func run(ctx context.Context, tutti, image string, rounds int, readme string) (err error) {
	docker, err := rawdocker.Local()
	if err != nil {
		return err
	}
	bench, err := openLab(ctx, tutti, image)
	if err != nil {
		return err
	}
	defer func() { err = firstError(err, bench.Close()) }()
	var rows []row
	for _, measure := range []func(context.Context, engine, *lab, int) ([]row, error){
		measureIdle, measureTwenty, measureFirstLine, measureSlow, measureMillion,
	} {
		more, err := measure(ctx, engine{docker}, bench, rounds)
		if err != nil {
			return err
		}
		for _, r := range more {
			fmt.Printf("%-62s raw %-10s ours %-10s ratio %-6s promised %s\n", r.What, r.Raw, r.Ours, r.Ratio, r.Promise)
		}
		rows = append(rows, more...)
	}
	if readme != "" {
		return writeTable(readme, rows)
	}
	return nil
}

func median(ds []time.Duration) time.Duration {
	s := slices.Sorted(slices.Values(ds))
	return s[len(s)/2]
}

func percentile(ds []time.Duration, p int) time.Duration {
	s := slices.Sorted(slices.Values(ds))
	return s[min(len(s)-1, len(s)*p/100)]
}

func ms(d time.Duration) string {
	if d < 100*time.Millisecond {
		return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
	}
	return fmt.Sprintf("%d ms", d.Milliseconds())
}

func ratio(ours, raw time.Duration) string {
	return fmt.Sprintf("%.2f", float64(ours)/float64(raw))
}

const (
	tableBegins = "<!-- bench -->"
	tableEnds   = "<!-- /bench -->"
)

// writeTable puts the figures between the markers of a Markdown file.
func writeTable(path string, rows []row) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("writing the table: %w", err)
	}
	before, rest, ok := strings.Cut(string(text), tableBegins)
	_, after, ok2 := strings.Cut(rest, tableEnds)
	if !ok || !ok2 {
		return fmt.Errorf("writing the table: %s has no %s and %s", path, tableBegins, tableEnds)
	}
	var b strings.Builder
	b.WriteString(before + tableBegins + "\n| what | raw Docker | Tutti | Tutti / raw | promised |\n|---|---|---|---|---|\n")
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", r.What, r.Raw, r.Ours, r.Ratio, r.Promise)
	}
	b.WriteString(tableEnds + after)
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		return fmt.Errorf("writing the table: %w", err)
	}
	return nil
}
