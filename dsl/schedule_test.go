package dsl_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tutti-ci/tutti/dsl"
)

// TestScheduleNext follows schedules. Around a change of the clock, the offset tells which of two equal times is meant.
func TestScheduleNext(t *testing.T) {
	const berlin, layout = "Europe/Berlin", "2006-01-02 15:04 -07"
	for name, c := range map[string]struct {
		cron, zone, after string
		want              []string
	}{
		"Minutes":  {"*/15 * * * *", "", "2026-01-01 00:07 +00", []string{"2026-01-01 00:15 +00", "2026-01-01 00:30 +00", "2026-01-01 00:45 +00", "2026-01-01 01:00 +00"}},
		"Strictly": {"30 4 * * *", "UTC", "2026-01-01 04:30 +00", []string{"2026-01-02 04:30 +00"}},
		"Workdays": {"30 4 * * 1-5", berlin, "2026-01-02 12:00 +01", []string{"2026-01-05 04:30 +01", "2026-01-06 04:30 +01"}},
		"Names":    {"0 0 * feb,APR mon", "UTC", "2026-02-23 00:00 +00", []string{"2026-04-06 00:00 +00"}},
		"Sunday7":  {"0 12 * * 7", "UTC", "2026-01-01 00:00 +00", []string{"2026-01-04 12:00 +00"}},
		"EitherDay": {"0 0 13 * 5", "UTC", "2026-02-06 00:00 +00",
			[]string{"2026-02-13 00:00 +00", "2026-02-20 00:00 +00", "2026-02-27 00:00 +00", "2026-03-06 00:00 +00", "2026-03-13 00:00 +00"}},
		"StepFrom":   {"5/20 3 1 1 *", "UTC", "2026-01-01 00:00 +00", []string{"2026-01-01 03:05 +00", "2026-01-01 03:25 +00", "2026-01-01 03:45 +00", "2027-01-01 03:05 +00"}},
		"RangeStep":  {"0 8-18/4 * * *", "UTC", "2026-01-01 00:00 +00", []string{"2026-01-01 08:00 +00", "2026-01-01 12:00 +00", "2026-01-01 16:00 +00", "2026-01-02 08:00 +00"}},
		"LeapDay":    {"0 0 29 2 *", "UTC", "2097-01-01 00:00 +00", []string{"2104-02-29 00:00 +00"}},
		"MonthEnds":  {"0 0 31 * *", "UTC", "2026-03-31 00:00 +00", []string{"2026-05-31 00:00 +00", "2026-07-31 00:00 +00"}},
		"ZoneOfDay":  {"0 22 * * *", "America/New_York", "2026-01-01 00:00 +00", []string{"2026-01-01 03:00 +00"}},
		"HalfHour":   {"0 9 * * *", "Asia/Kolkata", "2026-01-01 00:00 +00", []string{"2026-01-01 03:30 +00"}},
		"Skipped":    {"30 2 * * *", berlin, "2026-03-28 12:00 +01", []string{"2026-03-29 03:00 +02", "2026-03-30 02:30 +02"}},
		"SkippedTwo": {"10,40 2 * * *", berlin, "2026-03-28 12:00 +01", []string{"2026-03-29 03:00 +02", "2026-03-30 02:10 +02"}},
		"SkippedAndNext": {"30 2,3 * * *", berlin, "2026-03-28 12:00 +01",
			[]string{"2026-03-29 03:00 +02", "2026-03-29 03:30 +02", "2026-03-30 02:30 +02"}},
		"Twice":        {"30 2 * * *", berlin, "2026-10-24 12:00 +02", []string{"2026-10-25 02:30 +02", "2026-10-26 02:30 +01"}},
		"TwiceBetween": {"30 2 * * *", berlin, "2026-10-25 02:45 +02", []string{"2026-10-26 02:30 +01"}},
		"EveryHourSkips": {"30 * * * *", berlin, "2026-03-29 00:45 +01",
			[]string{"2026-03-29 01:30 +01", "2026-03-29 03:30 +02", "2026-03-29 04:30 +02"}},
		"EveryHourTwice": {"30 */1 * * *", berlin, "2026-10-25 01:45 +02",
			[]string{"2026-10-25 02:30 +02", "2026-10-25 02:30 +01", "2026-10-25 03:30 +01"}},
		"NoMidnight": {"0 0 * * *", "Africa/Cairo", "2026-04-23 12:00 +02", []string{"2026-04-24 01:00 +03", "2026-04-25 00:00 +03"}},
		"NoDay":      {"0 12 * * *", "Pacific/Apia", "2011-12-29 13:00 -10", []string{"2011-12-31 00:00 +14", "2011-12-31 12:00 +14"}},
	} {
		t.Run(name, func(t *testing.T) {
			after, err := time.Parse(layout, c.after)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, want := range c.want {
				if after, err = (dsl.Schedule{Cron: c.cron, Timezone: c.zone}).Next(after); err != nil {
					t.Fatal(err)
				}
				shown, err := time.Parse(layout, want)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, after.In(shown.Location()).Format(layout))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("times (-want +got):\n%s", diff)
			}
		})
	}
}

func TestScheduleMistakes(t *testing.T) {
	for cron, want := range map[string]string{
		"":              "five fields",
		"@daily":        "five fields",
		"* * * *":       "five fields",
		"0 0 * * * *":   "five fields",
		"60 * * * *":    `the minute "60" holds "60", which must be a number from 0 to 59`,
		"* 24 * * *":    `the hour "24" holds "24"`,
		"* * 0 * *":     `the day of the month "0"`,
		"* * * 13 *":    `the month "13"`,
		"* * * * 8":     `the day of the week "8"`,
		"* * * * fri-x": `holds "x"`,
		"*/0 * * * *":   `the step "0"`,
		"5-1 * * * *":   "runs backwards",
		"+5 * * * *":    `holds "+5"`,
		", * * * *":     `holds ""`,
		"1-2-3 * * * *": `holds "2-3"`,
		"0 0 30 2 *":    "no day that exists",
	} {
		_, err := dsl.Schedule{Cron: cron}.Next(time.Unix(0, 0))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error of %q is %v, want %q", cron, err, want)
		}
	}
	for _, zone := range []string{"Local", "Berlin", "../../etc/passwd", "europe/nowhere"} {
		if _, err := (dsl.Schedule{Cron: "* * * * *", Timezone: zone}).Next(time.Unix(0, 0)); err == nil || !strings.Contains(err.Error(), "no time zone") {
			t.Errorf("error of zone %q is %v", zone, err)
		}
	}
}
