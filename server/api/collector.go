package api

import (
	"context"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tutti-ci/tutti/server"
)

// numbersCollector turns the server's numbers into metrics at the moment when they are asked for.
type numbersCollector struct {
	numbers  Numbers
	troubles *server.Troubles
}

// The metrics of a numbersCollector.
var (
	queueDepth = prometheus.NewDesc("tutti_queue_jobs", "Jobs that wait for an agent.", nil, nil)
	queueAge   = prometheus.NewDesc("tutti_queue_oldest_seconds", "How long the oldest of them has waited.", nil, nil)
	agentCount = prometheus.NewDesc("tutti_agents", "Agents that are known, by whether they are connected.", []string{"online"}, nil)
	runCount   = prometheus.NewDesc("tutti_runs", "Runs, by result; unfinished ones have none.", []string{"result"}, nil)
	trouble    = prometheus.NewDesc("tutti_trouble", "1 for each trouble that the server has, by kind; halts says that no new job starts.", []string{"kind", "halts"}, nil)
)

// Describe implements prometheus.Collector.
func (c *numbersCollector) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{queueDepth, queueAge, agentCount, runCount, trouble} {
		descs <- d
	}
}

// Collect implements prometheus.Collector.
func (c *numbersCollector) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	c.collectQueue(ctx, out)
	c.collectAgents(ctx, out)
	c.collectRuns(ctx, out)
	for _, t := range c.troubles.All() {
		out <- gauge(trouble, 1, t.Kind, strconv.FormatBool(t.Halts))
	}
}

func (c *numbersCollector) collectQueue(ctx context.Context, out chan<- prometheus.Metric) {
	queued, err := c.numbers.QueuedJobs(ctx)
	if err != nil {
		out <- prometheus.NewInvalidMetric(queueDepth, err)
		return
	}
	age := 0.0
	if len(queued) > 0 { // the oldest comes first
		age = max(0, time.Since(queued[0].QueuedAt).Seconds())
	}
	out <- gauge(queueDepth, float64(len(queued)))
	out <- gauge(queueAge, age)
}

func (c *numbersCollector) collectAgents(ctx context.Context, out chan<- prometheus.Metric) {
	agents, err := c.numbers.Agents(ctx)
	if err != nil {
		out <- prometheus.NewInvalidMetric(agentCount, err)
		return
	}
	online := 0
	for _, a := range agents {
		if a.Online {
			online++
		}
	}
	out <- gauge(agentCount, float64(online), "true")
	out <- gauge(agentCount, float64(len(agents)-online), "false")
}

func (c *numbersCollector) collectRuns(ctx context.Context, out chan<- prometheus.Metric) {
	counts, err := c.numbers.CountRuns(ctx)
	if err != nil {
		out <- prometheus.NewInvalidMetric(runCount, err)
		return
	}
	for result, n := range counts {
		out <- gauge(runCount, float64(n), string(result))
	}
}

func gauge(desc *prometheus.Desc, value float64, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
}
