package worker_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"

	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/worker/certcheck"
)

func TestARefusedAutoSSLIsTheCauseOfEveryDomain(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{})
	f.sim.FailNext("app1", simulator.WriteSSL, slices.Repeat([]simulator.Fault{{Kind: simulator.Error400}}, 100)...)
	for range 2 {
		f.start(f.config("app1"))
	}
	all := names(20)
	f.add("app1", all...)
	for _, name := range all {
		f.awaitState("app1", name, tasks.DoneWithoutSSL)
		c := f.view("app1", name).Cause
		if c.Code != tasks.CauseAutoSSLRefused || c.Params.Message != "This is not allowed." {
			t.Errorf("%s: %s (%q)", name, c.Code, c.Params.Message)
		}
		history, err := f.ledger.History(t.Context(), "app1", name)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range history {
			if entry.Cause.Code == tasks.CauseAutoSSLStarted {
				t.Errorf("%s, attempt %d: AutoSSL was turned on, it says", name, entry.Attempt)
			}
		}
	}
	if calls := f.sim.Calls("app1", simulator.WriteSSL); calls > 5 {
		t.Errorf("20 domains asked ServerPilot %d times", calls)
	}
}

func TestAutoSSLIsTurnedOnOnlyForANameThatLacksACertificate(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{Apps: []simulator.App{{ID: "app1", Domains: []string{"www.ready.example.com"}}}})
	cfg := f.config("app1")
	cfg.Check.Proxies = []certcheck.Proxy{f.sim.Proxy()}
	f.start(cfg)
	f.add("app1", "proxied.example.com")
	f.awaitState("app1", "proxied.example.com", tasks.Done)
	if calls := f.sim.Calls("app1", simulator.WriteSSL); calls != 0 {
		t.Errorf("%d calls turned AutoSSL on for a domain that works without", calls)
	}
	f.add("app1", "shop.example.com")
	f.awaitState("app1", "shop.example.com", tasks.Done)
	if calls := f.sim.Calls("app1", simulator.WriteSSL); calls != 1 {
		t.Errorf("%d calls turned AutoSSL on for a domain without a certificate", calls)
	}
}

func TestAutoSSLStaysOffWhereTheSettingSaysSo(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{Apps: []simulator.App{{ID: "app1"}, {ID: "app2"}}})
	cfg := f.config("app1", "app2")
	cfg.Check.Proxies = []certcheck.Proxy{f.sim.Proxy()}
	cfg.AppSettings = map[string]certcheck.AppSettings{"app2": {AutoSSLOff: true}}
	f.start(cfg)
	f.add("app1", "shop.example.com")
	f.add("app2", "shop.example.net", "proxied.example.net", "nocert.example.net")
	f.awaitState("app1", "shop.example.com", tasks.Done)
	f.awaitState("app2", "proxied.example.net", tasks.Done)
	for _, domain := range []string{"shop.example.net", "nocert.example.net"} {
		f.awaitState("app2", domain, tasks.DoneWithoutSSL)
		f.awaitCause("app2", domain, tasks.CauseAutoSSLOff)
	}
	if calls := f.sim.Calls("app2", simulator.WriteSSL); calls != 0 {
		t.Errorf("%d calls turned AutoSSL on", calls)
	}
}

// verifyCalls counts what the rate limit allows verifications.
type verifyCalls struct{ n atomic.Int64 }

func (c *verifyCalls) DialHook(next redis.DialHook) redis.DialHook { return next }

func (c *verifyCalls) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		script, isScript := cmd.(*redis.Cmd)
		if err != nil || !isScript || !strings.HasSuffix(fmt.Sprint(cmd.Args()[min(3, len(cmd.Args())-1)]), "}:verify") {
			return err
		}
		if results, err := script.Slice(); err == nil && results[0] != int64(0) {
			c.n.Add(1)
		}
		return nil
	}
}

func (c *verifyCalls) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func TestAnAppsDomainsWaitForAutoSSLTogether(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{})
	counted := &verifyCalls{}
	f.rdb.AddHook(counted)
	cfg := f.config("app1")
	cfg.APIRate = 4
	f.start(cfg)
	all := names(24)
	f.add("app1", all...)
	for _, name := range all {
		f.awaitState("app1", name, tasks.Done)
	}
	if n := counted.n.Load(); n < 3 || n > 12 {
		t.Errorf("the rate limit counts %d calls for %d domains, want some of the app, its server and AutoSSL", n, len(all))
	}
}

// Another verification makes the call, and ServerPilot is slow to answer it.
func TestAutoSSLWithoutAnAnswerIsNotTurnedOn(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{})
	if locked, err := f.ledger.TryLockAutoSSL(t.Context(), "app1"); err != nil || !locked {
		t.Fatalf("locked: %v, %v", locked, err)
	}
	f.start(f.config("app1"))
	f.add("app1", "shop.example.com")
	f.awaitCause("app1", "shop.example.com", tasks.CauseAutoSSLFailed)
}

// Only ServerPilot's refusal needs the operator. An error that ends by itself has a cause of its
// own, for every domain.
func TestAFailedCallOfAutoSSLIsNoRefusal(t *testing.T) {
	t.Parallel()
	for kind, want := range map[simulator.FaultKind]tasks.Code{
		simulator.Error5xx: tasks.CauseAutoSSLFailed, simulator.Error429: tasks.CauseAutoSSLFailed, simulator.DropBefore: tasks.CauseAutoSSLFailed,
		simulator.Error400: tasks.CauseAutoSSLRefused, simulator.Error409: tasks.CauseAutoSSLRefused,
	} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			f := setup(t, simulator.Options{})
			f.sim.FailNext("app1", simulator.WriteSSL, slices.Repeat([]simulator.Fault{{Kind: kind}}, 100)...)
			f.start(f.config("app1"))
			all := names(5)
			f.add("app1", all...)
			for _, name := range all {
				f.awaitCause("app1", name, want)
				if c := f.view("app1", name).Cause; c.Params.Message == "" {
					t.Errorf("%s: %+v has no message", name, c)
				}
			}
			if calls := f.sim.Calls("app1", simulator.WriteSSL); calls > 3 {
				t.Errorf("5 domains asked ServerPilot %d times", calls)
			}
		})
	}
}
