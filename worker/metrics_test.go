package worker_test

import (
	"bufio"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hibiken/asynq"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/redis/go-redis/v9"

	"pilotsync/enqueue"
	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/worker"
	"pilotsync/worker/ledger"
	"pilotsync/worker/metrics"
)

// withMetrics adds a new registry to a worker's configuration.
func (f *fixture) withMetrics(cfg *worker.Config) *prometheus.Registry {
	reg := metrics.NewRegistry(f.rdb, "v1.2.3")
	cfg.Metrics = metrics.NewWorker(reg)
	return reg
}

// scrape returns the values that Prometheus would get, by series, such as
// `pilotsync_syncs_total{result="settled"}`.
func (f *fixture) scrape(reg *prometheus.Registry) map[string]float64 {
	f.t.Helper()
	answer := httptest.NewRecorder()
	metrics.Handler(reg, f.config("app1").Log).ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if answer.Code != http.StatusOK {
		f.t.Fatalf("/metrics answers %d: %s", answer.Code, answer.Body)
	}
	series := map[string]float64{}
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() {
		line := lines.Text()
		if strings.HasPrefix(line, "#") {
			continue
		}
		at := strings.LastIndexByte(line, ' ')
		value, err := strconv.ParseFloat(line[at+1:], 64)
		if err != nil {
			f.t.Fatalf("%q: %v", line, err)
		}
		series[line[:at]] = value
	}
	return series
}

// change enqueues a change like a producer, with a given order number and task id.
func (f *fixture) change(id string, c tasks.Change) {
	f.t.Helper()
	client := asynq.NewClientFromRedisClient(f.rdb)
	if _, err := client.Enqueue(asynq.NewTask(tasks.TypeDomainAdd, tasks.Encode(c)), asynq.Queue(tasks.QueueDomains), asynq.TaskID(id)); err != nil {
		f.t.Fatal(err)
	}
}

func TestEachMetricCountsItsEvents(t *testing.T) {
	t.Parallel()
	began := time.Now()
	apps := []simulator.App{{ID: "app1", Domains: []string{"by-hand.example.com"}}, {ID: "lost"}, {ID: "vague"}, {ID: "blocked"}, {ID: "limited"}}
	f := setup(t, simulator.Options{Apps: apps, Latency: 50 * time.Millisecond})
	cfg := f.config("app1", "lost", "vague", "blocked", "limited")
	reg := f.withMetrics(&cfg)
	webhooks := newReceiver(t)
	cfg.Webhook = target(t, webhooks.URL, oldSecret, newSecret)

	f.sim.FailNext("app1", simulator.ReadApp, simulator.Fault{Kind: simulator.Error5xx})
	f.sim.FailNext("limited", simulator.ReadApp, simulator.Fault{Kind: simulator.Error429, For: time.Second})
	f.sim.FailNext("vague", simulator.WriteList, simulator.Fault{Kind: simulator.DropAfter})
	answer := make(chan struct{})
	f.sim.FailNext("lost", simulator.WriteList, simulator.Fault{Kind: simulator.Slow, Until: answer})
	f.sim.SetAppStatus("blocked", http.StatusNotFound)
	f.add("app1", "www.one.example.com", "www.two.example.com", "nodns.example.com", "www.refused.example.com")
	f.add("lost", "www.lost.example.com")
	f.add("vague", "www.vague.example.com")
	f.add("blocked", "www.blocked.example.com")
	f.add("limited", "www.limited.example.com")
	f.add("unserved", "www.unserved.example.com")
	before := f.scrape(reg)
	f.start(cfg)

	f.await("a write is under way", func() bool { return f.sim.Calls("lost", simulator.WriteList) == 1 })
	f.rdb.HSet(t.Context(), "pilotsync:{lost}:sync", "token", "another", "until", "0")
	f.rdb.HDel(t.Context(), "pilotsync:{lost}:sync", "landing")
	close(answer)
	f.await("a write has an unknown outcome", func() bool { return f.scrape(reg)["pilotsync_ambiguous_writes_total"] == 1 })
	f.sim.SetAppStatus("vague", http.StatusInternalServerError) // so that its change waits until the test ends
	for domain, state := range map[string]tasks.State{"www.one.example.com": tasks.Done, "www.two.example.com": tasks.Done,
		"nodns.example.com": tasks.Failed, "www.refused.example.com": tasks.Rejected} {
		f.awaitState("app1", domain, state)
	}
	f.awaitState("lost", "www.lost.example.com", tasks.Done)
	f.awaitState("limited", "www.limited.example.com", tasks.Done)
	known := f.view("app1", "www.two.example.com")
	c := tasks.Change{AppID: "app1", Domain: known.Domain, Seq: known.Seq, RequestedAt: time.Now()}
	f.change("again", c)
	c.Seq--
	f.change("superseded", c)
	f.await("it is noted", func() bool {
		noted, err := f.ledger.Superseded(t.Context(), "app1")
		return err == nil && noted[ledger.Position{Domain: c.Domain, App: "app1"}].Seq == c.Seq
	})
	webhooks.answer(http.StatusInternalServerError)
	if _, err := f.client.Enqueue(t.Context(), enqueue.Request{AppID: "app1", Domain: "www.one.example.com", Remove: true}); err != nil {
		t.Fatal(err)
	}
	f.awaitState("app1", "www.one.example.com", tasks.Removed)
	if err := f.sim.EditByHand("app1", func([]string) []string { return []string{"by-hand.example.com"} }); err != nil {
		t.Fatal(err)
	}
	f.add("app1", "www.two.example.com")

	// The expected values, most of them exact, the others minimums.
	want := map[string]float64{
		`pilotsync_changes_recorded_total{result="recorded"}`:                  11,
		`pilotsync_changes_recorded_total{result="again"}`:                     1,
		`pilotsync_changes_recorded_total{result="superseded"}`:                1,
		`pilotsync_changes_settled_total{outcome="listed"}`:                    5,
		`pilotsync_changes_settled_total{outcome="unchanged"}`:                 1,
		`pilotsync_changes_settled_total{outcome="removed"}`:                   1,
		`pilotsync_changes_settled_total{outcome="rejected"}`:                  1,
		`pilotsync_changes_settled_total{outcome="restored"}`:                  1,
		`pilotsync_change_wait_seconds_count`:                                  8,
		`pilotsync_request_to_listed_seconds_count`:                            5,
		`pilotsync_request_to_certificate_seconds_count`:                       4,
		`pilotsync_changes_per_write_sum`:                                      6,
		`pilotsync_syncs_total{result="settled"}`:                              4,
		`pilotsync_syncs_total{result="lost"}`:                                 1,
		`pilotsync_lease_losses_total`:                                         1,
		`pilotsync_ambiguous_writes_total`:                                     1,
		`pilotsync_cool_offs_total{cause="unavailable"}`:                       1,
		`pilotsync_cool_offs_total{cause="rate_limited"}`:                      1,
		`pilotsync_cool_offs_total{cause="blocked"}`:                           1,
		`pilotsync_cool_offs_total{cause="unknown_write"}`:                     1,
		`pilotsync_cool_offs_total{cause="unserved"}`:                          1,
		`pilotsync_api_requests_total{endpoint="read_app",status="200"}`:       8,
		`pilotsync_api_requests_total{endpoint="read_app",status="404"}`:       1,
		`pilotsync_api_requests_total{endpoint="read_app",status="429"}`:       1,
		`pilotsync_api_requests_total{endpoint="read_app",status="500"}`:       1,
		`pilotsync_api_requests_total{endpoint="read_server",status="200"}`:    1,
		`pilotsync_api_requests_total{endpoint="write_list",status="200"}`:     4,
		`pilotsync_api_requests_total{endpoint="write_list",status="400"}`:     1,
		`pilotsync_api_requests_total{endpoint="write_list",status="none"}`:    1,
		`pilotsync_api_requests_total{endpoint="enable_autossl",status="200"}`: 3,
		`pilotsync_api_request_duration_seconds_count{endpoint="write_list"}`:  5,
		`pilotsync_verifications_total{result="done"}`:                         4,
		`pilotsync_verifications_total{result="checking-dns"}`:                 2,
		`pilotsync_verifications_total{result="failed"}`:                       1,
		`pilotsync_webhook_requests_total{result="delivered"}`:                 5,
		`pilotsync_webhook_requests_total{result="failing"}`:                   1,
		`pilotsync_webhook_request_duration_seconds_count`:                     6,
		`pilotsync_domains{app="app1",state="done"}`:                           1,
		`pilotsync_domains{app="app1",state="failed"}`:                         1,
		`pilotsync_domains{app="app1",state="rejected"}`:                       1,
		`pilotsync_domains{app="app1",state="removed"}`:                        1,
		`pilotsync_domains{app="vague",state="pending"}`:                       1,
		`pilotsync_app_list_names{app="app1"}`:                                 4,
		`pilotsync_app_list_room{app="app1"}`:                                  296,
		`pilotsync_app_blocked{app="blocked"}`:                                 1,
		`pilotsync_unserved_apps`:                                              1,
		`pilotsync_unserved_changes`:                                           1,
		`pilotsync_app_pending_changes{app="blocked"}`:                         1,
		`pilotsync_app_failing_syncs{app="blocked"}`:                           1,
		`pilotsync_app_oldest_change_timestamp_seconds{app="vague"}`:           float64(began.Add(-time.Minute).Unix()),
		`pilotsync_app_list_seen_timestamp_seconds{app="app1"}`:                float64(began.Add(-time.Minute).Unix()),
		`pilotsync_certificate_earliest_expiry_timestamp_seconds{app="app1"}`:  float64(time.Now().Unix()),
		`pilotsync_redis_up`:                                                   1,
		`pilotsync_ledger_up`:                                                  1,
		`pilotsync_workers`:                                                    1,
		`pilotsync_queue_up{queue="lists"}`:                                    1,
		`asynq_tasks_processed_total{queue="domains"}`:                         13,
		`asynq_tasks_enqueued_total{queue="ssl",state="retry"}`:                0,
		`asynq_tasks_enqueued_total{queue="lists",state="retry"}`:              2,
		`asynq_queue_size{queue="lists"}`:                                      2,
	}
	exactly := func(series string) bool {
		for _, loose := range []string{"timestamp", "pilotsync_api_", "pilotsync_cool_offs", "pilotsync_syncs", "failing", "webhook", "asynq_", "per_write", "checking-dns"} {
			if strings.Contains(series, loose) {
				return false
			}
		}
		return true
	}
	var got map[string]float64
	missing := func() (lines []string) {
		got = f.scrape(reg)
		for _, series := range slices.Sorted(maps.Keys(want)) {
			if v := got[series]; v < want[series] || exactly(series) && v != want[series] {
				lines = append(lines, series+" is "+strconv.FormatFloat(v, 'g', -1, 64)+", want "+strconv.FormatFloat(want[series], 'g', -1, 64))
			}
		}
		return lines
	}
	deadline := time.Now().Add(time.Minute)
	for len(missing()) > 0 && time.Now().Before(deadline) {
		select {
		case <-t.Context().Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
	for _, line := range missing() {
		t.Error(line)
	}
	for series := range want {
		if before[series] != 0 && strings.Contains(series, "_total") && !strings.HasPrefix(series, "asynq_") {
			t.Errorf("%s was %v before the worker started", series, before[series])
		}
	}
	for series := range got {
		if strings.HasPrefix(series, "pilotsync_") && strings.Contains(series, "example.com") {
			t.Errorf("%s: a label that grows with the domains", series)
		}
		if strings.Contains(series, `app="unserved"`) {
			t.Errorf("%s: a label that any producer can invent", series)
		}
	}
}

func TestExpiringCertificatesAreCounted(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{})
	cfg := f.config("app1")
	reg := f.withMetrics(&cfg)
	stop := f.start(cfg)
	f.add("app1", "www.shop.example.com", "www.new.example.com")
	f.awaitState("app1", "www.shop.example.com", tasks.Done)
	f.awaitState("app1", "www.new.example.com", tasks.Done)
	stop()
	expiring := func(want float64) {
		t.Helper()
		f.await(fmt.Sprintf("%v certificates are expiring", want), func() bool {
			got, found := f.scrape(reg)[`pilotsync_certificates_expiring{app="app1"}`]
			return found && got == want
		})
	}
	expiring(0)
	// Three quarters of the certificate's lifetime are over.
	f.rdb.ZAdd(t.Context(), "pilotsync:{app1}:renew_by", redis.Z{Score: float64(time.Now().Add(-time.Minute).Unix()), Member: "www.shop.example.com"})
	expiring(1)
}

func TestMetricsHaveNamesInPrometheusStyle(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{})
	cfg := f.config("app1")
	reg := f.withMetrics(&cfg)
	f.start(cfg)
	f.add("app1", "www.shop.example.com")
	f.awaitState("app1", "www.shop.example.com", tasks.Done)
	problems, err := testutil.GatherAndLint(reg)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		// asynq chose its names.
		if !strings.HasPrefix(p.Metric, "asynq_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
	// On a busy machine Redis may be too slow for a scrape, which then lacks the queues.
	f.await("all of the registry's collectors have their series", func() bool {
		n, err := testutil.GatherAndCount(reg, "pilotsync_build_info", "pilotsync_domains", "asynq_queue_size", "go_goroutines", "process_open_fds")
		return err == nil && n == 1+len(tasks.States())+len(tasks.Queues())+1+1
	})
}

func TestSeriesDoNotGrowWithTheDomains(t *testing.T) {
	t.Parallel()
	series := func(n int) []string {
		f := setup(t, simulator.Options{})
		cfg := f.config("app1")
		cfg.Webhook = target(t, newReceiver(t).URL, oldSecret, newSecret)
		reg := f.withMetrics(&cfg)
		f.add("app1", names(n)...)
		stop := f.start(cfg)
		f.await("all domains are done", func() bool {
			return f.scrape(reg)[`pilotsync_domains{app="app1",state="done"}`] == float64(n)
		})
		stop()
		got := f.scrape(reg)
		// The number of Go's own series varies.
		maps.DeleteFunc(got, func(name string, _ float64) bool {
			return strings.HasPrefix(name, "go_") || strings.HasPrefix(name, "process_")
		})
		return slices.Sorted(maps.Keys(got))
	}
	one, many := series(1), series(200)
	if diff := cmp.Diff(one, many); diff != "" {
		t.Errorf("series of 1 and of 200 domains (-1 +200):\n%s", diff)
	}
	if len(one) > 400 {
		t.Errorf("%d series for one app", len(one))
	}
}
