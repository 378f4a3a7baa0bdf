package metrics

import (
	"net/http"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/redis/go-redis/v9"
	"github.com/sirupsen/logrus"
)

// NewRegistry returns a registry of what every pilotsync process can report. That is the apps'
// states from the ledger in rdb, the queues, the build and the process. A worker adds its own
// figures with [NewWorker].
func NewRegistry(rdb redis.UniversalClient, version string) *prometheus.Registry {
	reg := prometheus.NewRegistry()
	build := prometheus.NewGauge(prometheus.GaugeOpts{Name: "pilotsync_build_info", Help: "The build; its value is always 1.",
		ConstLabels: prometheus.Labels{"version": version, "goversion": runtime.Version()}})
	build.Set(1)
	reg.MustRegister(build, newLedgerCollector(rdb), newQueueCollector(rdb),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return reg
}

// Handler serves a registry's metrics to Prometheus. Metrics that can't be collected
// are left out and logged.
func Handler(reg *prometheus.Registry, log *logrus.Logger) http.Handler {
	return promhttp.HandlerFor(reg, promhttp.HandlerOpts{
		ErrorHandling: promhttp.ContinueOnError, ErrorLog: log.WithField("path", "/metrics"), MaxRequestsInFlight: 4,
	})
}
