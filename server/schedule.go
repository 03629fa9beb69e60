package server

import "time"

// A Schedule is a cron expression of a pipeline.
type Schedule struct {
	Pipeline string
	Cron     string
	Timezone string
}

// A Firing is a moment of a schedule of a project. Each happens at most once.
type Firing struct {
	Project string
	Schedule
	At time.Time
}
