package dsl

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // so that a time zone means the same on every host
)

// Next answers the first time after another at which the schedule fires.
//
// It fires at each minute of its zone's clock that the expression names. Where the clock is put forward over such a minute,
// it fires when that happens; where a minute comes twice, the first time counts. With * as its hour it goes by real time
// instead: nothing is made up for, and a minute that comes twice counts twice.
func (s Schedule) Next(after time.Time) (time.Time, error) {
	c, err := s.parse()
	if err != nil {
		return time.Time{}, err
	}
	return c.next(after)
}

// String is the expression, with its zone unless that is UTC.
func (s Schedule) String() string {
	if s.Timezone == "" || s.Timezone == "UTC" {
		return s.Cron
	}
	return s.Cron + " " + s.Timezone
}

// cron is a schedule that can be asked.
type cron struct {
	minutes, hours, days, months, weekdays []bool // by value
	// everyHour, everyDay and everyWeekday say that the field is *. Where neither of the last two is, a day has to fit one of
	// them only, as in every other cron.
	everyHour, everyDay, everyWeekday bool
	zone                              *time.Location
}

func (s Schedule) parse() (*cron, error) {
	fields := strings.Fields(s.Cron)
	if len(s.Cron) > 200 || len(fields) != 5 {
		return nil, errors.New(`a cron expression has five fields: minute, hour, day of the month, month and day of the week, as in "30 4 * * 1-5"`)
	}
	c := &cron{everyDay: fields[2] == "*", everyWeekday: fields[4] == "*"}
	for i, f := range []struct {
		name     string
		into     *[]bool
		from, to int
		names    []string
	}{
		{"minute", &c.minutes, 0, 59, nil},
		{"hour", &c.hours, 0, 23, nil},
		{"day of the month", &c.days, 1, 31, nil},
		{"month", &c.months, 1, 12, monthNames()},
		{"day of the week", &c.weekdays, 0, 7, dayNames()},
	} {
		set, err := parseField(fields[i], f.from, f.to, f.names)
		if err != nil {
			return nil, fmt.Errorf("the %s %q %w", f.name, fields[i], err)
		}
		*f.into = set
	}
	c.everyHour = !slices.Contains(c.hours, false)
	c.weekdays[0] = c.weekdays[0] || c.weekdays[7] // both are Sunday
	var err error
	c.zone, err = loadZone(s.Timezone)
	return c, err
}

func monthNames() []string {
	return []string{"", "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}
}

func dayNames() []string { return []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"} }

// loadZone finds a time zone by its name in the IANA database.
func loadZone(name string) (*time.Location, error) {
	if name == "" {
		return time.UTC, nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return nil, fmt.Errorf("there is no time zone %q; write one such as \"UTC\" or \"Europe/Berlin\"", name)
	}
	return zone, nil
}

// parseField reads one field, such as "*/15", "1-5" or "mon,wed". Its error completes a sentence about the field.
func parseField(text string, from, to int, names []string) ([]bool, error) {
	set := make([]bool, to+1)
	for item := range strings.SplitSeq(text, ",") {
		span, step, stepped := strings.Cut(item, "/")
		every := 1
		if stepped {
			n, err := strconv.Atoi(step)
			if err != nil || n < 1 || n > to {
				return nil, fmt.Errorf("has the step %q, which must be a number from 1 to %d", step, to)
			}
			every = n
		}
		first, last := from, to
		if span != "*" {
			low, high, ranged := strings.Cut(span, "-")
			var err error
			if first, err = parseNumber(low, from, to, names); err != nil {
				return nil, err
			}
			switch {
			case ranged:
				if last, err = parseNumber(high, from, to, names); err != nil {
					return nil, err
				}
			case !stepped:
				last = first
			}
		}
		if last < first {
			return nil, fmt.Errorf("has the range %q, which runs backwards", span)
		}
		for n := first; n <= last; n += every {
			set[n] = true
		}
	}
	return set, nil
}

func parseNumber(text string, from, to int, names []string) (int, error) {
	if i := slices.Index(names, strings.ToLower(text)); i >= 0 && text != "" {
		return i, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < from || n > to || strings.HasPrefix(text, "+") {
		return 0, fmt.Errorf("holds %q, which must be a number from %d to %d", text, from, to)
	}
	return n, nil
}

// horizon is how far ahead is looked. Eight years may lie between two 29ths of February.
const horizon = 9 * 366

func (c *cron) next(after time.Time) (time.Time, error) {
	year, month, day := after.In(c.zone).Date()
	for i := range horizon {
		date := time.Date(year, month, day+i, 0, 0, 0, 0, time.UTC) // a day, which has no zone
		if !c.fits(date) {
			continue
		}
		for _, t := range c.timesOf(date) {
			if t.After(after) {
				return t, nil
			}
		}
	}
	return time.Time{}, errors.New("the expression names no day that exists")
}

func (c *cron) fits(date time.Time) bool {
	byDay, byWeekday := c.days[date.Day()], c.weekdays[date.Weekday()]
	switch {
	case !c.months[date.Month()]:
		return false
	case c.everyDay || c.everyWeekday:
		return byDay && byWeekday
	}
	return byDay || byWeekday
}

// timesOf lists the times of a day, in order.
func (c *cron) timesOf(date time.Time) []time.Time {
	if c.everyHour {
		return c.realTimesOf(date)
	}
	var times []time.Time
	for h, ok := range c.hours {
		for m, and := range c.minutes {
			if ok && and {
				times = append(times, c.at(date, h, m))
			}
		}
	}
	slices.SortFunc(times, time.Time.Compare)
	return slices.CompactFunc(times, time.Time.Equal) // those that the clock was put forward over are one
}

// realTimesOf walks through a day minute by minute.
func (c *cron) realTimesOf(date time.Time) []time.Time {
	var times []time.Time
	end := c.at(date.AddDate(0, 0, 1), 0, 0)
	for t := c.at(date, 0, 0); t.Before(end); t = t.Add(time.Minute) {
		if c.minutes[t.In(c.zone).Minute()] {
			times = append(times, t)
		}
	}
	return times
}

// at answers when the zone's clock first shows that time on that day; if it never does, when it is put forward.
func (c *cron) at(date time.Time, hour, minute int) time.Time {
	wall := time.Date(date.Year(), date.Month(), date.Day(), hour, minute, 0, 0, time.UTC)
	var first time.Time
	for _, near := range []time.Time{wall.Add(-24 * time.Hour), wall.Add(24 * time.Hour)} {
		_, offset := near.In(c.zone).Zone()
		t := wall.Add(-time.Duration(offset) * time.Second)
		if _, actual := t.In(c.zone).Zone(); actual == offset && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	if !first.IsZero() {
		return first.In(c.zone)
	}
	_, before := wall.Add(-24 * time.Hour).In(c.zone).Zone()
	jump, _ := wall.Add(-time.Duration(before) * time.Second).In(c.zone).ZoneBounds()
	return jump
}
