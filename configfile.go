package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/pflag"

	"github.com/tutti-ci/tutti/dsl/plan"
)

// maxConfigFile is far more than a configuration needs.
const maxConfigFile = 64 << 10

// readConfigFile gives flags the values of a file with lines such as TUTTI_CAPACITY=4, as systemd reads them from an
// EnvironmentFile. All that is wrong with it is one *configError.
func readConfigFile(name string, flags *pflag.FlagSet) error {
	data, err := os.ReadFile(name)
	if err != nil {
		return failed(fmt.Errorf("reading the configuration: %w", err))
	}
	if len(data) > maxConfigFile || !utf8.Valid(data) {
		return failed(fmt.Errorf("reading the configuration: %s is not a text of at most %d KiB", name, maxConfigFile>>10))
	}
	f := configFile{name: name, flags: flags, seen: make(map[string]int)}
	for line := range strings.Lines(string(data)) {
		f.line++
		f.read(strings.TrimRight(line, "\r\n"))
	}
	if len(f.problems) > 0 {
		return &configError{f.problems}
	}
	return nil
}

// A configFile is one that is being read.
type configFile struct {
	name     string
	flags    *pflag.FlagSet
	line     int
	seen     map[string]int // lines by key
	problems []plan.Problem
}

func (f *configFile) read(line string) {
	text := strings.TrimSpace(line)
	if text == "" || text[0] == '#' || text[0] == ';' {
		return
	}
	at := strings.Index(line, text)
	key, value, found := strings.Cut(text, "=")
	if key = strings.TrimSpace(key); !found || key == "" {
		f.problem(line, at, text, "This is no setting", "Write KEY=VALUE, as in TUTTI_CAPACITY=4. A line that begins with # is a comment.")
		return
	}
	flag := f.flag(key)
	if flag == nil {
		f.problem(line, at, key, fmt.Sprintf("There is no setting %q", key), "There are "+strings.Join(f.keys(), ", ")+".")
		return
	}
	_, many := flag.Value.(pflag.SliceValue)
	if before := f.seen[key]; before > 0 && !many {
		f.problem(line, at, key, fmt.Sprintf("%s is set twice", key), fmt.Sprintf("It was set in line %d already: remove one of them.", before))
		return
	}
	f.seen[key] = f.line
	raw := strings.TrimSpace(value)
	at += len(text) - len(strings.TrimLeft(value, " \t"))
	if raw == "" {
		at = len(line)
	}
	value, ok := unquote(raw)
	if !ok {
		f.problem(line, at, raw, "A quote is not closed", "Close it at the end of the line, or leave quotes away: they are not needed.")
		return
	}
	if err := flag.Value.Set(value); err != nil {
		f.problem(line, at, raw, fmt.Sprintf("%s cannot be %q", key, value), sentence(err.Error())+" It is: "+flag.Usage+".")
	}
}

// flag answers the flag of a key, or nil.
func (f *configFile) flag(key string) (found *pflag.Flag) {
	f.flags.VisitAll(func(each *pflag.Flag) {
		if variableOf(each.Name) == key {
			found = each
		}
	})
	return found
}

func (f *configFile) keys() (keys []string) {
	f.flags.VisitAll(func(each *pflag.Flag) { keys = append(keys, variableOf(each.Name)) })
	slices.Sort(keys)
	return keys
}

// problem notes a mistake: what begins at the byte at of the line.
func (f *configFile) problem(line string, at int, what, title, detail string) {
	blank := func(r rune) rune {
		if r == '\t' {
			return r
		}
		return ' '
	}
	column := utf8.RuneCountInString(line[:at])
	width := max(utf8.RuneCountInString(what), 1)
	f.problems = append(f.problems, plan.Problem{
		Severity: plan.Error, Title: title, Detail: detail, File: f.name,
		Start:   plan.Position{Line: f.line, Column: column + 1},
		End:     plan.Position{Line: f.line, Column: column + 1 + width},
		Snippet: line, Carets: strings.Map(blank, line[:at]) + strings.Repeat("^", width),
	})
}

// unquote takes the quotes of a value away, if it has some.
func unquote(text string) (string, bool) {
	if text == "" || text[0] != '"' && text[0] != '\'' {
		return text, true
	}
	if len(text) < 2 || text[len(text)-1] != text[0] {
		return "", false
	}
	return text[1 : len(text)-1], true
}

// sentence makes a sentence of the words of an error.
func sentence(words string) string {
	first, size := utf8.DecodeRuneInString(words)
	return strings.ToUpper(string(first)) + words[size:] + "."
}
