package metrics

import (
	"context"
	"errors"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"pilotsync/tasks"
	"pilotsync/worker/janitor"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
	"pilotsync/worker/webhook"
)

// ledgerCollector collects the apps' states from the ledger. Gauges are the same on every
// instance: use max(), not sum().
type ledgerCollector struct {
	state *scraped[ledgerState]

	up, ledgerUp, webhooksOff, quarantined                  *prometheus.Desc
	domains, names, room, blocked, pending, failing, oldest *prometheus.Desc
	listedAt, expiry, expiring, paused, dryRun              *prometheus.Desc
	lost, handover                                          *prometheus.Desc
	unserved, forUnserved                                   *prometheus.Desc
}

// ledgerState is what one scrape reads.
type ledgerState struct {
	apps        []ledger.App // without the unserved ones
	unserved    []ledger.App
	webhooksOff int
	quarantined int
	loss        ledger.Loss
}

// errLedger: Redis answers, but the ledger can't be read.
var errLedger = errors.New("the ledger can't be read")

func newLedgerCollector(rdb redis.UniversalClient) *ledgerCollector {
	l := ledger.New(rdb)
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("pilotsync_"+name, help, labels, nil)
	}
	read := func(ctx context.Context) (s ledgerState, err error) {
		if s.webhooksOff, err = webhook.SwitchedOff(ctx, rdb); err != nil {
			return s, err
		}
		if s.quarantined, err = janitor.NewQuarantine(rdb).Count(ctx); err != nil {
			return s, err
		}
		if s.apps, err = l.AppStates(ctx); err != nil && ctx.Err() == nil && rdb.Ping(ctx).Err() == nil {
			err = errors.Join(errLedger, err)
		}
		if err != nil {
			return s, err
		}
		live, err := l.Workers(ctx)
		if err != nil {
			return s, err
		}
		if s.loss, err = l.LossAmong(ctx, s.apps, live); err != nil {
			return s, err
		}
		// The ids of the others would be labels that any producer can invent.
		s.apps, s.unserved = ledger.SplitUnserved(s.apps, live)
		return s, nil
	}
	return &ledgerCollector{
		state:       newScraped(read),
		up:          desc("redis_up", "Whether Redis answered this scrape."),
		ledgerUp:    desc("ledger_up", "Whether the ledger could be read for this scrape; if not, the figures of the apps are missing."),
		webhooksOff: desc("webhooks_switched_off", "Webhooks that answered that they are gone (410): nothing is sent there until a worker is started."),
		quarantined: desc("quarantined", "Messages in quarantine, which asynq could never finish: a person has to check them ('pilotsync quarantine')."),
		domains:     desc("domains", "Domains by app and state.", "app", "state"),
		names:       desc("app_list_names", "Names on the app's list when a sync last read it.", "app"),
		room:        desc("app_list_room", "Names that still fit on the app's list; below zero if the list is beyond the limit.", "app"),
		blocked:     desc("app_blocked", "Whether the app waits for a person: a wrong key, an unpaid account, a list that is refused even unchanged.", "app"),
		pending:     desc("app_pending_changes", "Pending changes.", "app"),
		failing:     desc("app_failing_syncs", "Failed syncs of the app in a row.", "app"),
		oldest:      desc("app_oldest_change_timestamp_seconds", "When the oldest pending change was recorded; absent if none is pending.", "app"),
		listedAt:    desc("app_list_seen_timestamp_seconds", "When a sync last read the app's list; absent before the first sync.", "app"),
		expiry:      desc("certificate_earliest_expiry_timestamp_seconds", "The earliest end of a certificate of the domains that are done; absent if there is none.", "app"),
		expiring:    desc("certificates_expiring", "Domains that are done and whose certificate wasn't renewed though at most a quarter of its lifetime is left.", "app"),
		paused:      desc("app_paused", "Whether an operator paused the app.", "app"),
		lost:        desc("ledger_lost_timestamp_seconds", "When a worker last detected that the ledger was lost; 0 if never."),
		handover:    desc("app_handover_due", "Whether the ledger was lost and the app's domains weren't all handed over again since.", "app"),
		unserved:    desc("unserved_apps", "Apps with waiting changes that no worker has ever served: new, mistyped or invented ones. They have no figures of their own."),
		forUnserved: desc("unserved_changes", "Changes that wait for a worker that serves their app."),
		dryRun:      desc("app_dry_run", "Whether the app's last plan was a dry run: its changes wait until a worker without PILOTSYNC_DRY_RUN syncs it.", "app"),
	}
}

// Describe implements [prometheus.Collector].
func (c *ledgerCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.up, c.ledgerUp, c.webhooksOff, c.quarantined, c.domains, c.names, c.room, c.blocked, c.pending, c.failing, c.oldest, c.listedAt, c.expiry, c.expiring, c.paused, c.dryRun, c.lost, c.handover, c.unserved, c.forUnserved} {
		ch <- d
	}
}

// Collect implements [prometheus.Collector]. If Redis doesn't answer, it reports only
// that: the scrape as a whole succeeds.
func (c *ledgerCollector) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	s, err := c.state.get()
	gauge(c.up, boolValue(err == nil || errors.Is(err, errLedger)))
	gauge(c.ledgerUp, boolValue(err == nil))
	if err != nil {
		return
	}
	gauge(c.webhooksOff, float64(s.webhooksOff))
	gauge(c.quarantined, float64(s.quarantined))
	lost := 0.0
	if !s.loss.Detected.IsZero() {
		lost = unixSeconds(s.loss.Detected)
	}
	gauge(c.lost, lost)
	unserved := ledger.NewUnserved(s.unserved)
	gauge(c.unserved, float64(unserved.Count))
	gauge(c.forUnserved, float64(unserved.Changes))
	for _, app := range s.loss.Waiting {
		if !slices.ContainsFunc(s.unserved, func(u ledger.App) bool { return u.ID == app }) {
			gauge(c.handover, 1, app)
		}
	}
	for _, app := range s.apps {
		if !slices.Contains(s.loss.Waiting, app.ID) {
			gauge(c.handover, 0, app.ID)
		}
		for _, state := range tasks.States() {
			gauge(c.domains, float64(app.Counts[state]), app.ID, string(state))
		}
		gauge(c.expiring, float64(app.Expiring.Count), app.ID)
		gauge(c.paused, boolValue(app.Paused != ""), app.ID)
		gauge(c.dryRun, boolValue(app.DryRun != nil), app.ID)
		gauge(c.blocked, boolValue(app.Failure != nil && app.Failure.Blocked), app.ID)
		gauge(c.pending, float64(app.Pending), app.ID)
		gauge(c.failing, float64(app.Fails), app.ID)
		if !app.ListedAt.IsZero() {
			gauge(c.names, float64(app.Listed), app.ID)
			gauge(c.room, float64(listsync.Limit-app.Listed), app.ID)
			gauge(c.listedAt, unixSeconds(app.ListedAt), app.ID)
		}
		if !app.Oldest.IsZero() {
			gauge(c.oldest, unixSeconds(app.Oldest), app.ID)
		}
		if !app.Expiry.IsZero() {
			gauge(c.expiry, unixSeconds(app.Expiry), app.ID)
		}
	}
}
