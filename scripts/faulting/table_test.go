package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tutti-ci/tutti/scripts/faulting/faults"
	"github.com/tutti-ci/tutti/scripts/faulting/lab"
)

const readme = "../../server/README.md"

func TestREADMEListsTheFaults(t *testing.T) {
	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	_, table, _, err := cutTable(string(text))
	if err != nil {
		t.Fatal(err)
	}
	if want := tableOf(faults.All(), resultsIn(table)); strings.TrimSpace(table) != strings.TrimSpace(want) {
		t.Errorf("%s does not list the faults as they are; \"scripts/faults --write\" brings it up to date (with --only NAME for one of them). It has\n%s\nwant\n%s", readme, table, want)
	}
}

func TestFaultsAreWellDescribed(t *testing.T) {
	name := regexp.MustCompile(`^[a-z0-9][a-zA-Z0-9-]{2,33}$`) // names are parts of paths of sockets, which are short
	var seen []string
	inCI := 0
	for _, f := range faults.All() {
		if !name.MatchString(f.Name) || slices.Contains(seen, f.Name) {
			t.Errorf("%q is no good name, or there twice", f.Name)
		}
		seen = append(seen, f.Name)
		for _, text := range []string{f.What, f.How, f.Expect} {
			if text == "" || strings.ContainsAny(text, "|\n") || strings.HasSuffix(text, ".") {
				t.Errorf("%s: %q does not fit into the table", f.Name, text)
			}
		}
		if f.CI {
			inCI++
		}
		if f.CI && f.Alone {
			t.Errorf("%s takes the whole machine, which continuous integration has not", f.Name)
		}
	}
	if inCI < 20 {
		t.Errorf("continuous integration tries %d faults only", inCI)
	}
}

func TestTableKeepsWhatWasNotTried(t *testing.T) {
	all := []faults.Fault{{Name: "one", What: "a", How: "b", Expect: "c", CI: true}, {Name: "two", What: "a", How: "b", Expect: "c"}, {Name: "three"}}
	table := tableOf(all, map[string]string{"one": "passed, 3 s", "two": resultOf(lab.Verdict{Failures: []string{"x"}})})
	results := resultsIn(table)
	if results["one"] != "passed, 3 s" || results["two"] != "**failed**" || results["three"] != "" {
		t.Errorf("the results are read back as %v", results)
	}
}

func TestChoose(t *testing.T) {
	for only, want := range map[string]int{"server-killed": 1, "server-killed,agent-killed": 2, "agent-killed*": 4, "nothing": 0} {
		chosen, err := choose(settings{only: only})
		if len(chosen) < want || want < 3 && len(chosen) != want || (err != nil) != (want == 0) {
			t.Errorf("%q chooses %d faults, %v", only, len(chosen), err)
		}
	}
}
