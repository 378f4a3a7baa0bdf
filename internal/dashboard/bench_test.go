package dashboard

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/sirupsen/logrus"

	"pilotsync/tasks"
	"pilotsync/test/redistest"
	"pilotsync/worker/listsync"
)

// BenchmarkDomainsPage50000 measures pages with 50,000 domains on 200 apps. It reports how
// many times longer they take than with 100 domains on 2 apps.
func BenchmarkDomainsPage50000(b *testing.B) {
	small, large := newFilledDashboard(b, 2, 50), newFilledDashboard(b, 200, 250)
	for _, page := range []struct{ name, path string }{
		{"first", "/domains"}, {"prefix", "/domains?q=kunde1"}, {"app", "/domains?app=app1"}, {"states", "/domains?state=failed&state=done"},
		{"deep", "/domains?after=app1/kunde249.app1.example.com&page=900"}, {"overview", "/"},
	} {
		b.Run(page.name, func(b *testing.B) {
			const rounds = 20
			begin := time.Now()
			for range rounds {
				mustLoad(b, small, page.path)
			}
			base := time.Since(begin) / rounds
			for b.Loop() {
				mustLoad(b, large, page.path)
			}
			each := b.Elapsed() / time.Duration(b.N)
			b.ReportMetric(float64(each)/float64(time.Millisecond), "ms/page")
			b.ReportMetric(float64(each)/float64(base), "times-100")
			b.ReportMetric(0, "ns/op")
		})
	}
}

func mustLoad(b *testing.B, h http.Handler, path string) {
	if rec := sendRequest(h, "GET", path, nil); rec.Code != http.StatusOK {
		b.Fatalf("%s: %d %s", path, rec.Code, rec.Body)
	}
}

// newFilledDashboard returns a dashboard on its own Redis with n domains on each app, stored
// as the ledger's scripts store them.
func newFilledDashboard(b *testing.B, apps, n int) http.Handler {
	b.Helper()
	options, err := redis.ParseURL(redistest.Start(b))
	if err != nil {
		b.Fatal(err)
	}
	rdb := redis.NewClient(options)
	b.Cleanup(func() { _ = rdb.Close() })
	for a := range apps {
		fillApp(b, rdb, fmt.Sprintf("app%d", a), a, n)
	}
	site, err := New(Config{Redis: rdb, Version: "test", Log: logrus.NewEntry(testLog(b.Output()))})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = site.Close() })
	if rec := sendRequest(site.Handler(), "GET", "/domains", nil); rec.Code != http.StatusOK || !strings.Contains(rec.Body.String(), formatNumber(apps*n)+" domains<") {
		b.Fatalf("%d %s", rec.Code, rec.Body)
	}
	return site.Handler()
}

// fillApp stores n domains of an app as the ledger's scripts do, a number of many such apps.
func fillApp(t testing.TB, rdb *redis.Client, id string, number, n int) {
	t.Helper()
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	key := func(name string) string { return "pilotsync:{" + id + "}:" + name }
	if _, err := rdb.Pipelined(context.Background(), func(p redis.Pipeliner) error {
		p.SAdd(context.Background(), "pilotsync:apps", id)
		for i := range n {
			state := []tasks.State{tasks.Done, tasks.Done, tasks.Done, tasks.Failed, tasks.CheckingSSL}[i%5]
			domain := fmt.Sprintf("kunde%d.%s.example.com", i, id)
			record, err := json.Marshal(listsync.Record{Domain: domain, Seq: int64(i + 1), Wanted: true, State: state, Names: []string{domain, "www." + domain},
				Cause: tasks.Cause{Code: tasks.CauseWorks, Params: tasks.Params{Name: domain, Until: at, Issuer: "Let's Encrypt"}}, RequestedAt: at, UpdatedAt: at})
			if err != nil {
				return err
			}
			p.HSet(context.Background(), key("domains"), domain, record)
			p.ZAdd(context.Background(), key("index"), zero(" "+domain), zero(string(state)+" "+domain))
			if i < 50 {
				p.ZAdd(context.Background(), key("latest"), redis.Z{Member: domain, Score: float64(number*n + i)})
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}
