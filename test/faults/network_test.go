//go:build faults

package faults

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"pilotsync/internal/simulator"
	"pilotsync/test/harness"
)

// link is the network between a worker and Redis.
type link struct {
	t     *testing.T
	proxy *toxiproxy.Proxy
}

// link puts a network before the fixture's Redis, and returns the settings of a worker that uses
// it.
func (f *fixture) link() (*link, string) {
	f.t.Helper()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())
	l := &link{f.t, toxiproxy.NewProxy(server, "redis", "127.0.0.1:0", f.redis.Addr)}
	if err := l.proxy.Start(); err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(l.proxy.Stop)
	return l, f.redisURL(l.proxy.Listen)
}

// toxic adds a fault to both directions of the network.
func (l *link) toxic(kind string, attributes map[string]any) {
	l.t.Helper()
	for _, direction := range []string{"upstream", "downstream"} {
		b, err := json.Marshal(map[string]any{"name": kind + direction, "type": kind, "stream": direction, "attributes": attributes})
		if err != nil {
			l.t.Fatal(err)
		}
		if _, err := l.proxy.Toxics.AddToxicJson(bytes.NewReader(b)); err != nil {
			l.t.Fatal(err)
		}
	}
}

// heal ends the faults. Half-open connections end, as they do when the other side gets a packet for
// them.
func (l *link) heal() { l.proxy.Toxics.ResetToxics(l.t.Context()) }

func (l *link) cut() { l.proxy.Stop() }

func (l *link) restore() {
	l.t.Helper()
	if err := l.proxy.Start(); err != nil {
		l.t.Fatal(err)
	}
}

func TestAWorkerWithASlowNetworkToRedisListsEverything(t *testing.T) {
	t.Parallel()
	f := newFixture(t, simulator.Options{Apps: apps(3), Latency: 100 * time.Millisecond})
	l, redisURL := f.link()
	l.toxic("latency", map[string]any{"latency": 200, "jitter": 100}) // 0.2 to 0.6 s a round trip
	f.worker(redisURL)
	f.worker(redisURL)
	end := f.load(2, 500*time.Millisecond)
	pass(t, 12*time.Second)
	end()
	f.awaitSettled()
	f.check()
}

// The network to Redis fails while a worker holds a lease and keeps writing. When the lease ends
// and another worker may write, the first one has stopped.
func TestAWorkerWithoutRedisStopsWritingBeforeItsLeaseEnds(t *testing.T) {
	t.Parallel()
	halfOpen := func(l *link) { l.toxic("timeout", map[string]any{"timeout": 0}) }
	for _, c := range []struct {
		name    string
		stage   stage // when Redis is lost
		when    func([]byte) bool
		lose    func(*link)
		recover func(*link)
	}{
		{"cut before a write was recorded", unsent, notesWrite, (*link).cut, (*link).restore},
		{"cut within a write", answered, listWrite, (*link).cut, (*link).restore},
		{"half-open before a write was recorded", unsent, notesWrite, halfOpen, (*link).heal},
		{"half-open within a write", answered, listWrite, halfOpen, (*link).heal},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, simulator.Options{Apps: []simulator.App{appWithDomains("app1")}, Latency: time.Second})
			l, _ := f.link()
			onRedis := newTap(t, l.proxy.Listen)
			onAPI, apiURL := f.tapAPI()
			lonely := f.worker(f.redisURL(onRedis.addr), apiURL)
			end := f.load(1, 200*time.Millisecond) // so that each sync is followed by another
			harness.Await(t, "it writes", func() error {
				if len(onAPI.listWrites()) < 2 {
					return errStill
				}
				return nil
			})
			at := onAPI
			if c.stage == unsent {
				at = onRedis
			}
			trap := at.hold(c.stage, c.when)
			trap.await(t)
			c.lose(l)
			lost := time.Now()
			trap.release()
			f.worker()
			taken := len(f.sent("app1"))
			harness.Await(t, "another worker has taken over", func() error {
				if len(f.sent("app1")) <= taken {
					return errStill
				}
				return nil
			})
			t.Logf("another worker wrote %s after the loss", time.Since(lost).Round(100*time.Millisecond))
			// It could record no write after that, so it must send none.
			for _, write := range onAPI.listWrites() {
				if write.at.After(lost) {
					t.Errorf("the worker sent a list write %s after it lost Redis", write.at.Sub(lost))
				}
			}
			c.recover(l)
			lonely.AwaitWritten("Redis is back")
			end()
			f.awaitSettled()
			f.check()
			if !lonely.Alive() {
				t.Errorf("the worker ended:\n%s", lonely.Written())
			}
		})
	}
}
