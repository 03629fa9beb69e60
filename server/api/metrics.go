package api

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

// Numbers is where metrics are read from when somebody asks for them. Nothing is counted that is stored.
type Numbers interface {
	QueuedJobs(ctx context.Context) ([]server.QueuedJob, error)
	Agents(ctx context.Context) ([]server.Agent, error)
	// CountRuns answers how many runs ended with each result; those that have not ended are under "".
	CountRuns(ctx context.Context) (map[plan.Result]int64, error)
}

// Metrics counts requests, and collects the server's numbers for Prometheus. It has a registry of its own.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	logBytes prometheus.Counter
}

// NewMetrics makes metrics over the numbers and the server's troubles.
func NewMetrics(numbers Numbers, troubles *server.Troubles) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tutti_http_requests_total", Help: "Requests answered, by route and status.",
		}, []string{"route", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "tutti_http_first_byte_seconds", Help: "Time from a request to the first byte of its answer.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5},
		}, []string{"route"}),
		logBytes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tutti_log_bytes_total", Help: "Bytes of logs that agents sent since the server started.",
		}),
	}
	m.registry.MustRegister(m.requests, m.seconds, m.logBytes, &numbersCollector{numbers, troubles},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// AddLogBytes counts bytes of logs that an agent sent.
func (m *Metrics) AddLogBytes(n int64) { m.logBytes.Add(float64(n)) }

func (m *Metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// count counts the requests to one route, and how long their answers take to begin.
func (m *Metrics) count(route string, next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started := time.Now()
		begin := func(status int) {
			m.seconds.WithLabelValues(route).Observe(time.Since(started).Seconds())
			m.requests.WithLabelValues(route, strconv.Itoa(status)).Inc()
		}
		next(&beginning{ResponseWriter: w, begin: begin}, r)
	})
}

// beginning tells when an answer begins, and with which status.
type beginning struct {
	http.ResponseWriter
	begin func(status int) // nil once it was called
}

func (b *beginning) WriteHeader(status int) {
	if b.begin != nil && status >= 200 {
		b.begin(status)
		b.begin = nil
	}
	b.ResponseWriter.WriteHeader(status)
}

func (b *beginning) Write(p []byte) (int, error) {
	if b.begin != nil {
		b.begin(http.StatusOK)
		b.begin = nil
	}
	return b.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach what it needs.
func (b *beginning) Unwrap() http.ResponseWriter { return b.ResponseWriter }
