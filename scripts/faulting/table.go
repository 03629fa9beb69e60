package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/tutti-ci/tutti/scripts/faulting/faults"
	"github.com/tutti-ci/tutti/scripts/faulting/lab"
)

const (
	tableBegins = "<!-- faults -->"
	tableEnds   = "<!-- /faults -->"
)

// conclude says how many failed, and writes the table if it is asked for.
func conclude(s settings, chosen []faults.Fault, results map[string]lab.Verdict) error {
	failed, skipped := 0, 0
	for _, v := range results {
		switch {
		case v.Skipped != "":
			skipped++
		case !v.Passed():
			failed++
		}
	}
	fmt.Printf("\n%d faults, %d failed, %d skipped; seed %d\n", len(results), failed, skipped, s.seed)
	var err error
	if failed > 0 {
		err = fmt.Errorf("%d of %d faults did not come out as they have to", failed, len(results))
	}
	if s.write != "" {
		err = errors.Join(err, writeTable(s.write, chosen, results))
	}
	return err
}

// writeTable puts the faults between the markers of a Markdown file. What was not tried keeps the result that stands there.
func writeTable(path string, chosen []faults.Fault, results map[string]lab.Verdict) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("writing the table: %w", err)
	}
	before, old, after, err := cutTable(string(text))
	if err != nil {
		return fmt.Errorf("writing the table into %s: %w", path, err)
	}
	seen := resultsIn(old)
	for _, f := range chosen {
		if v, ok := results[f.Name]; ok {
			seen[f.Name] = resultOf(v)
		}
	}
	table := tableOf(faults.All(), seen)
	if err := os.WriteFile(path, []byte(before+table+after), 0o644); err != nil {
		return fmt.Errorf("writing the table: %w", err)
	}
	return nil
}

func resultOf(v lab.Verdict) string {
	switch {
	case v.Skipped != "":
		return "not tried: " + v.Skipped
	case v.Passed():
		return fmt.Sprintf("passed, %d s", int(v.Took.Seconds()+0.5))
	}
	return "**failed**"
}

// cutTable cuts a text at the markers, which stay with what is before and after.
func cutTable(text string) (before, table, after string, err error) {
	before, rest, ok := strings.Cut(text, tableBegins)
	table, after, ok2 := strings.Cut(rest, tableEnds)
	if !ok || !ok2 {
		return "", "", "", fmt.Errorf("it has no %s and %s", tableBegins, tableEnds)
	}
	return before + tableBegins + "\n", table, tableEnds + after, nil
}

func tableOf(all []faults.Fault, results map[string]string) string {
	var b strings.Builder
	b.WriteString("| fault | what breaks | how | what has to come of it | result |\n|---|---|---|---|---|\n")
	for _, f := range all {
		fmt.Fprintf(&b, "| %s%s | %s | %s | %s | %s |\n", f.Name, map[bool]string{true: " ●"}[f.CI], f.What, f.How, f.Expect, results[f.Name])
	}
	return b.String()
}

// resultsIn reads the results of a table, by name.
func resultsIn(table string) map[string]string {
	results := make(map[string]string)
	for _, line := range strings.Split(table, "\n") {
		cells := strings.Split(line, "|")
		if len(cells) == 7 {
			results[strings.TrimSuffix(strings.TrimSpace(cells[1]), " ●")] = strings.TrimSpace(cells[5])
		}
	}
	return results
}
