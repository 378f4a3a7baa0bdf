package worker

import (
	"errors"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"pilotsync/internal/serverpilot"
	"pilotsync/tasks"
	"pilotsync/worker/listsync"
)

// Metrics are what one worker counts and times. What all workers share, such as
// the domains by state, is read at each scrape instead; see [NewRegistry]. No
// label grows with the number of domains.
type Metrics struct {
	recorded, settled           *prometheus.CounterVec
	wait, toListed, toCertified prometheus.Histogram
	perWrite                    prometheus.Histogram
	apiCalls                    *prometheus.CounterVec
	apiSeconds                  *prometheus.HistogramVec
	syncs, coolOffs             *prometheus.CounterVec
	syncSeconds                 prometheus.Histogram
	leasesLost, ambiguousWrites prometheus.Counter
	verifications               *prometheus.CounterVec
	webhooks                    *prometheus.CounterVec
	webhookSeconds              prometheus.Histogram
	sweepFinds                  *prometheus.CounterVec
	drift                       *prometheus.GaugeVec
	dryRun                      prometheus.Gauge
	watched, strays             *prometheus.CounterVec
}

// NewMetrics registers a worker's metrics with reg. It panics if that has them
// already.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	make := promauto.With(reg)
	m := &Metrics{
		recorded: make.NewCounterVec(prometheus.CounterOpts{Name: "pilotsync_changes_recorded_total",
			Help: "Changes taken off the queue by result: recorded, again (recorded before), superseded (a later one is known)."}, []string{"result"}),
		settled: make.NewCounterVec(prometheus.CounterOpts{Name: "pilotsync_changes_settled_total",
			Help: "Changes that a sync ended by outcome: listed, unchanged, removed, rejected, kept (a removal that was refused), restored (no change: drift was mended)."}, []string{"outcome"}),
		wait: make.NewHistogram(prometheus.HistogramOpts{Name: "pilotsync_change_wait_seconds",
			Help: "Time from the recording of a change until a sync that ended it took it up.", Buckets: requestBuckets()}),
		toListed: make.NewHistogram(prometheus.HistogramOpts{Name: "pilotsync_request_to_listed_seconds",
			Help: "Time from the request for a domain until its names were on the list.", Buckets: requestBuckets()}),
		toCertified: make.NewHistogram(prometheus.HistogramOpts{Name: "pilotsync_request_to_certificate_seconds",
			Help: "Time from the request for a domain until its certificate was first seen to be valid.", Buckets: certificateBuckets()}),
		perWrite: make.NewHistogram(prometheus.HistogramOpts{Name: "pilotsync_changes_per_write",
			Help: "Changes that one write of a list settled.", Buckets: []float64{1, 2, 5, 10, 20, 50, 100, 200, 300}}),
		apiCalls: make.NewCounterVec(prometheus.CounterOpts{Name: "pilotsync_api_requests_total",
			Help: "Calls to ServerPilot by endpoint and HTTP status; status none where no answer came."}, []string{"endpoint", "status"}),
		apiSeconds: make.NewHistogramVec(prometheus.HistogramOpts{Name: "pilotsync_api_request_duration_seconds",
			Help: "Time of calls to ServerPilot by endpoint.", Buckets: callBuckets()}, []string{"endpoint"}),
		syncs: make.NewCounterVec(prometheus.CounterOpts{Name: "pilotsync_syncs_total",
			Help: "Syncs by result: settled, dry-run (planned only), idle (nothing to do, or another sync is at it), lost (its lease), later (handed out again)."}, []string{"result"}),
		coolOffs: make.NewCounterVec(prometheus.CounterOpts{Name: "pilotsync_cool_offs_total",
			Help: "Syncs that were handed out again later, by cause."}, []string{"cause"}),
		syncSeconds: make.NewHistogram(prometheus.HistogramOpts{Name: "pilotsync_sync_duration_seconds",
			Help: "Time of the syncs that did anything, from taking the lease to giving it back.", Buckets: requestBuckets()}),
		leasesLost: make.NewCounter(prometheus.CounterOpts{Name: "pilotsync_lease_losses_total",
			Help: "Syncs that lost their app's lease while they were at it."}),
		ambiguousWrites: make.NewCounter(prometheus.CounterOpts{Name: "pilotsync_ambiguous_writes_total",
			Help: "Writes of a list of which it isn't known whether they took effect."}),
		verifications: make.NewCounterVec(prometheus.CounterOpts{Name: "pilotsync_verifications_total",
			Help: "Verification attempts by result: the state that the domain has after it, or postponed where ServerPilot could not be asked."}, []string{"result"}),
		webhooks: make.NewCounterVec(prometheus.CounterOpts{Name: "pilotsync_webhook_requests_total",
			Help: "Events sent to webhooks by result: delivered, declined, failing (5xx, 408, 429 or no answer), gone (410), interrupted."}, []string{"result"}),
		webhookSeconds: make.NewHistogram(prometheus.HistogramOpts{Name: "pilotsync_webhook_request_duration_seconds",
			Help: "Time of the requests to webhooks.", Buckets: callBuckets()}),
		sweepFinds: make.NewCounterVec(prometheus.CounterOpts{Name: "pilotsync_sweep_finds_total",
			Help: "What the sweep found lying after a crash: change (in a dead worker's hands), sync (without a task), verification (overdue)."}, []string{"kind"}),
	}
	m.dryRun = make.NewGauge(prometheus.GaugeOpts{Name: "pilotsync_dry_run",
		Help: "Whether this worker is in a dry run: it writes nothing to ServerPilot (PILOTSYNC_DRY_RUN)."})
	m.drift = make.NewGaugeVec(prometheus.GaugeOpts{Name: "pilotsync_app_drift_names",
		Help: "Names that a sync would put on the app's list or take off it, as the hourly look saw it; only with PILOTSYNC_RECONCILE=report."}, []string{"app"})
	m.watched = make.NewCounterVec(prometheus.CounterOpts{Name: "pilotsync_looks_total",
		Help: "Looks at domains whose verification had ended, by the state that the domain has after it."}, []string{"result"})
	m.strays = make.NewCounterVec(prometheus.CounterOpts{Name: "pilotsync_strays_total",
		Help: "What asynq would have left for ever, by kind: unreadable (message), mislabelled (it lacks its id or queue), hollow (an id without a task), unleased (active without a lease), unregistered (queue); and by what was done: quarantined, relabelled, removed, leased, registered."}, []string{"kind", "action"})
	m.showZeros()
	return m
}

// showZeros makes the series whose labels are known: a rate over a counter that
// appears with its first event misses that event.
func (m *Metrics) showZeros() {
	show := func(vec *prometheus.CounterVec, labels ...string) {
		for _, label := range labels {
			vec.WithLabelValues(label)
		}
	}
	show(m.recorded, recordedNew, recordedAgain, recordedSuperseded)
	for _, fate := range listsync.Resolutions() {
		show(m.settled, string(fate))
	}
	show(m.syncs, syncSettled, syncDryRun, syncIdle, syncLost, syncLater)
	show(m.coolOffs, coolOffCauses()...)
	for _, state := range tasks.States() {
		if state.Listed() {
			show(m.verifications, string(state))
		}
	}
	show(m.verifications, postponed)
	show(m.watched, string(tasks.Done), string(tasks.DoneWithoutSSL), string(tasks.Failed), string(tasks.CheckingSSL), string(tasks.CheckingDNS))
	for _, v := range []verdict{unsaid, arrived, gone, ailing, declined} {
		show(m.webhooks, v.label())
	}
	show(m.sweepFinds, foundChange, foundSync, foundVerification)
	for _, find := range strayFinds() {
		m.strays.WithLabelValues(find[:]...)
	}
	for _, op := range []string{serverpilot.OpApp, serverpilot.OpServer, serverpilot.OpSetDomains, serverpilot.OpEnableAutoSSL} {
		m.apiCalls.WithLabelValues(endpointLabel(op), "200")
		m.apiSeconds.WithLabelValues(endpointLabel(op))
	}
}

// Upper bounds in seconds. A list that is in step within a second or two is the
// rule, and one that waits for hours is for a person.
func requestBuckets() []float64 {
	return []float64{.1, .25, .5, 1, 2, 5, 10, 30, 60, 300, 900, 3600, 4 * 3600, 24 * 3600}
}

// With the usual delays attempts come 1, 3, 7, 15 and 30 minutes after the listing.
func certificateBuckets() []float64 {
	return []float64{1, 5, 15, 30, 60, 120, 300, 480, 960, 1920, 3600, 4 * 3600, 24 * 3600}
}

// Up to the 20 s that any call may take.
func callBuckets() []float64 { return []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 20} }

// Labels.
const (
	recordedNew        = "recorded"
	recordedAgain      = "again"
	recordedSuperseded = "superseded"

	syncSettled = "settled"
	syncDryRun  = "dry-run"
	syncIdle    = "idle"
	syncLost    = "lost"
	syncLater   = "later"

	postponed = "postponed"

	foundChange       = "change"
	foundSync         = "sync"
	foundVerification = "verification"

	strayUnreadable   = "unreadable"
	strayMislabelled  = "mislabelled"
	strayHollow       = "hollow"
	strayUnleased     = "unleased"
	strayUnregistered = "unregistered"

	strayQuarantined = "quarantined"
	strayRelabelled  = "relabelled"
	strayRemoved     = "removed"
	strayLeased      = "leased"
	strayRegistered  = "registered"
)

// strayFinds are the kinds of strays, each with what is done about it.
func strayFinds() [][2]string {
	return [][2]string{{strayUnreadable, strayQuarantined}, {strayMislabelled, strayRelabelled}, {strayMislabelled, strayQuarantined},
		{strayHollow, strayRemoved}, {strayUnleased, strayLeased}, {strayUnregistered, strayRegistered}}
}

func endpointLabel(op string) string {
	switch op {
	case serverpilot.OpApp:
		return "read_app"
	case serverpilot.OpServer:
		return "read_server"
	case serverpilot.OpSetDomains:
		return "write_list"
	case serverpilot.OpEnableAutoSSL:
		return "enable_autossl"
	}
	return "other"
}

func statusLabel(status int) string {
	if status == 0 {
		return "none"
	}
	return strconv.Itoa(status)
}

func (v verdict) label() string {
	switch v {
	case arrived:
		return "delivered"
	case gone:
		return "gone"
	case ailing:
		return "failing"
	case declined:
		return "declined"
	}
	return "interrupted"
}

// called is the serverpilot client's observer.
func (m *Metrics) called(op string, status int, took time.Duration) {
	m.apiCalls.WithLabelValues(endpointLabel(op), statusLabel(status)).Inc()
	m.apiSeconds.WithLabelValues(endpointLabel(op)).Observe(took.Seconds())
}

// settlement counts what a commit settled.
func (m *Metrics) settlement(s listsync.Settlement) {
	changes := 0
	for _, d := range s.Domains {
		m.settled.WithLabelValues(string(d.Resolution)).Inc()
		if d.Change == nil {
			continue
		}
		changes++
		m.wait.Observe(since(s.TakenAt, d.Change.RecordedAt))
		if d.Resolution == listsync.ResolutionListed {
			m.toListed.Observe(since(s.At, d.Change.RequestedAt))
		}
	}
	if s.Wrote && changes > 0 {
		m.perWrite.Observe(float64(changes))
	}
}

// synced counts a sync that ended with err.
func (m *Metrics) synced(took time.Duration, err error) {
	var notTaken *listsync.NotAcquired
	result := syncLater
	switch {
	case err == nil:
		result = syncSettled
	case errors.As(err, &notTaken) && (notTaken.Idle || notTaken.Busy):
		result = syncIdle
	case errors.Is(err, listsync.ErrLeaseLost):
		result = syncLost
		m.leasesLost.Inc()
	}
	m.syncs.WithLabelValues(result).Inc()
	if result == syncLater {
		m.coolOffs.WithLabelValues(coolOffCause(err)).Inc()
	}
	if notTaken == nil {
		m.syncSeconds.Observe(took.Seconds())
	}
}

// previewed counts a dry run that ended with err.
func (m *Metrics) previewed(took time.Duration, err error) {
	if err != nil {
		m.synced(took, err)
		return
	}
	m.syncs.WithLabelValues(syncDryRun).Inc()
	m.syncSeconds.Observe(took.Seconds())
}

// verified counts an attempt. By the order number that started it the time of its
// request is known by the clock that says now, Redis's, and not moved by asking
// again.
func (m *Metrics) verified(was, is listsync.Record, now time.Time) {
	m.verifications.WithLabelValues(string(is.State)).Inc()
	// A verification that an operator wished for tells nothing of a request.
	if is.State == tasks.Done && was.State != tasks.Done && was.CheckSeq <= was.Seq {
		m.toCertified.Observe(since(now, time.UnixMicro(was.CheckSeq)))
	}
}

// since is in seconds, and never below zero: clocks differ.
func since(end, begin time.Time) float64 { return max(end.Sub(begin), 0).Seconds() }
