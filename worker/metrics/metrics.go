// Package metrics has the Prometheus metrics: what a worker counts and times, and collectors
// that read at each scrape what all workers share. No label grows with the number of domains.
package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"pilotsync/internal/serverpilot"
	"pilotsync/tasks"
	"pilotsync/worker/janitor"
	"pilotsync/worker/listsync"
	"pilotsync/worker/share"
	"pilotsync/worker/webhook"
)

// Worker has what one worker counts and times. What all workers share, such as the
// domains by state, is in [NewRegistry].
type Worker struct {
	recorded, settled           *prometheus.CounterVec
	wait, toListed, toCertified prometheus.Histogram
	perWrite                    prometheus.Histogram
	apiCalls                    *prometheus.CounterVec
	apiSeconds                  *prometheus.HistogramVec
	syncs, backoffs             *prometheus.CounterVec
	syncSeconds                 prometheus.Histogram
	leasesLost, ambiguousWrites prometheus.Counter
	verifications, rechecks     *prometheus.CounterVec
	webhooks                    *prometheus.CounterVec
	webhookSeconds              prometheus.Histogram
	recovered, repairs, actions *prometheus.CounterVec
	drift                       *prometheus.GaugeVec
	dryRun                      prometheus.Gauge

	// AppWaits, AccountWaits and EndpointWaits get the tasks that wait for a slot of such an owner.
	AppWaits, AccountWaits, EndpointWaits share.Waits
}

// NewWorker registers a worker's metrics with reg. It panics if they are already registered.
func NewWorker(reg prometheus.Registerer) *Worker {
	create := promauto.With(reg)
	m := &Worker{
		recorded: create.NewCounterVec(prometheus.CounterOpts{Name: "pilotsync_changes_recorded_total",
			Help: "Changes taken off the queue by result: recorded, again (recorded before), superseded (a later one is known), unissued (refused, since no producer was given its order number), full (refused, since the ledger has 100,000 domains of the app)."}, []string{"result"}),
		settled: create.NewCounterVec(prometheus.CounterOpts{Name: "pilotsync_changes_settled_total",
			Help: "Changes that a sync ended by outcome: listed, unchanged, removed, rejected, kept (a removal that was refused), restored (no change: drift was repaired)."}, []string{"outcome"}),
		wait: create.NewHistogram(prometheus.HistogramOpts{Name: "pilotsync_change_wait_seconds",
			Help: "Time from the recording of a change until the start of the plan that settled it.", Buckets: requestBuckets()}),
		toListed: create.NewHistogram(prometheus.HistogramOpts{Name: "pilotsync_request_to_listed_seconds",
			Help: "Time from the request for a domain until its names were on the list.", Buckets: requestBuckets()}),
		toCertified: create.NewHistogram(prometheus.HistogramOpts{Name: "pilotsync_request_to_certificate_seconds",
			Help: "Time from the request for a domain until its certificate was first seen to be valid.", Buckets: certificateBuckets()}),
		perWrite: create.NewHistogram(prometheus.HistogramOpts{Name: "pilotsync_changes_per_write",
			Help: "Changes that one write of a list settled.", Buckets: []float64{1, 2, 5, 10, 20, 50, 100, 200, 300}}),
		apiCalls: create.NewCounterVec(prometheus.CounterOpts{Name: "pilotsync_api_requests_total",
			Help: "Calls to ServerPilot by endpoint and HTTP status; status none without an answer."}, []string{"endpoint", "status"}),
		apiSeconds: create.NewHistogramVec(prometheus.HistogramOpts{Name: "pilotsync_api_request_duration_seconds",
			Help: "Time of calls to ServerPilot by endpoint.", Buckets: callBuckets()}, []string{"endpoint"}),
		syncs: create.NewCounterVec(prometheus.CounterOpts{Name: "pilotsync_syncs_total",
			Help: "Syncs by result: settled, dry-run (planned only), idle (nothing to do, or another sync runs), lost (its lease), later (handed out again)."}, []string{"result"}),
		backoffs: create.NewCounterVec(prometheus.CounterOpts{Name: "pilotsync_cool_offs_total",
			Help: "Syncs that were handed out again later, by cause."}, []string{"cause"}),
		syncSeconds: create.NewHistogram(prometheus.HistogramOpts{Name: "pilotsync_sync_duration_seconds",
			Help: "Time of the syncs that acquired the lease, until they released it.", Buckets: requestBuckets()}),
		leasesLost: create.NewCounter(prometheus.CounterOpts{Name: "pilotsync_lease_losses_total",
			Help: "Syncs that lost their app's lease."}),
		ambiguousWrites: create.NewCounter(prometheus.CounterOpts{Name: "pilotsync_ambiguous_writes_total",
			Help: "Writes of a list whose outcome is unknown."}),
		verifications: create.NewCounterVec(prometheus.CounterOpts{Name: "pilotsync_verifications_total",
			Help: "Verification attempts by result: the state that the domain has after it, or postponed if ServerPilot could not be asked."}, []string{"result"}),
		webhooks: create.NewCounterVec(prometheus.CounterOpts{Name: "pilotsync_webhook_requests_total",
			Help: "Events sent to webhooks by result: delivered, declined, failing (5xx, 408, 429 or no answer), gone (410), interrupted."}, []string{"result"}),
		webhookSeconds: create.NewHistogram(prometheus.HistogramOpts{Name: "pilotsync_webhook_request_duration_seconds",
			Help: "Time of the requests to webhooks.", Buckets: callBuckets()}),
		recovered: create.NewCounterVec(prometheus.CounterOpts{Name: "pilotsync_sweep_finds_total",
			Help: "What the recoverer found after a crash: change (an active task of a dead worker), sync (without a task), verification (overdue); and raised-number (an app's last order number that no producer was given)."}, []string{"kind"}),
	}
	m.dryRun = create.NewGauge(prometheus.GaugeOpts{Name: "pilotsync_dry_run",
		Help: "Whether this worker is in a dry run: it writes nothing to ServerPilot (PILOTSYNC_DRY_RUN)."})
	m.drift = create.NewGaugeVec(prometheus.GaugeOpts{Name: "pilotsync_app_drift_names",
		Help: "Names that a sync would add to the app's list or remove from it, at the last hourly reconciliation; only with PILOTSYNC_RECONCILE=report."}, []string{"app"})
	m.rechecks = create.NewCounterVec(prometheus.CounterOpts{Name: "pilotsync_looks_total",
		Help: "Rechecks of domains whose verification had ended, by the state that the domain has after it."}, []string{"result"})
	m.actions = create.NewCounterVec(prometheus.CounterOpts{Name: "pilotsync_serverpilot_actions_total",
		Help: "ServerPilot's actions for writes of lists, read once after a minute, by status: open, success, error (it ended with errors), other."}, []string{"status"})
	m.repairs = create.NewCounterVec(prometheus.CounterOpts{Name: "pilotsync_strays_total",
		Help: "What asynq would have left for ever, by kind: unreadable (message), oversized (message or id), mislabelled (it lacks its id or queue), hollow (an id without a task), unleased (active without a lease), unlisted (in no list), unregistered (queue), wrong_type (key), other_queue (a name that isn't pilotsync's); and by what was done: quarantined, relabelled, removed, leased, returned, registered."}, []string{"kind", "action"})
	for kind, waits := range map[string]*share.Waits{"app": &m.AppWaits, "account": &m.AccountWaits, "endpoint": &m.EndpointWaits} {
		create.NewGaugeFunc(prometheus.GaugeOpts{Name: "pilotsync_slot_wait_seconds", ConstLabels: prometheus.Labels{"kind": kind},
			Help: "The longest wait for a slot of its app, account or endpoint, of the tasks that this worker has postponed: from when the task asked for one until it is handed out again. 0 if none waits. Waiting for ServerPilot's rate limit doesn't count."},
			func() float64 { return waits.Longest().Seconds() })
	}
	m.showZeros()
	return m
}

// showZeros creates the series whose labels are known. Otherwise a rate over a counter would
// miss the first event, with which the series appears.
func (m *Worker) showZeros() {
	show := func(vec *prometheus.CounterVec, labels ...string) {
		for _, label := range labels {
			vec.WithLabelValues(label)
		}
	}
	show(m.recorded, string(Recorded), string(RecordedAgain), string(Superseded), string(Unissued), string(Full))
	for _, resolution := range listsync.Resolutions() {
		show(m.settled, string(resolution))
	}
	show(m.syncs, syncSettled, syncDryRun, syncIdle, syncLost, syncLater)
	show(m.backoffs, backoffCauses()...)
	for _, state := range tasks.States() {
		if state.Listed() {
			show(m.verifications, string(state))
		}
	}
	show(m.verifications, postponed)
	show(m.rechecks, string(tasks.Done), string(tasks.DoneWithoutSSL), string(tasks.Failed), string(tasks.CheckingSSL), string(tasks.CheckingDNS))
	show(m.webhooks, webhook.Results()...)
	show(m.actions, string(serverpilot.ActionOpen), string(serverpilot.ActionSuccess), string(serverpilot.ActionError), "other")
	show(m.recovered, string(LostChange), string(LostSync), string(LostVerification), string(RaisedNumber))
	for _, r := range janitor.Repairs() {
		m.repairs.WithLabelValues(r.Kind, r.Action)
	}
	for _, op := range []string{serverpilot.OpApp, serverpilot.OpServer, serverpilot.OpAction, serverpilot.OpSetDomains, serverpilot.OpEnableAutoSSL} {
		m.apiCalls.WithLabelValues(endpointLabel(op), "200")
		m.apiSeconds.WithLabelValues(endpointLabel(op))
	}
}

// requestBuckets are upper bounds in seconds. Usually a list is in step within two seconds; a
// list that waits for hours needs a person.
func requestBuckets() []float64 {
	return []float64{.1, .25, .5, 1, 2, 5, 10, 30, 60, 300, 900, 3600, 4 * 3600, 24 * 3600}
}

// certificateBuckets fit the usual delays: attempts 1, 3, 7, 15 and 30 minutes after the
// listing.
func certificateBuckets() []float64 {
	return []float64{1, 5, 15, 30, 60, 120, 300, 480, 960, 1920, 3600, 4 * 3600, 24 * 3600}
}

// callBuckets end with the 20 s time limit of calls.
func callBuckets() []float64 { return []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 20} }
