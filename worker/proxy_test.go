package worker_test

import (
	"testing"

	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/worker/certcheck"
	"pilotsync/worker/webhook"
)

func (f *fixture) awaitCause(app, domain string, want tasks.Code) {
	f.t.Helper()
	f.await(domain+" has the cause "+string(want), func() bool { return f.view(app, domain).Cause.Code == want })
}

func TestASiteBehindAProxyProvesItselfByItsAppsSecrets(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{Apps: []simulator.App{{ID: "app1"}, {ID: "app2"}}, SiteSecret: []byte("network")})
	cfg := f.config("app1", "app2")
	cfg.Check.Proxies = []certcheck.Proxy{f.sim.Proxy()}
	cfg.Webhook.Keys = [][]byte{[]byte("replaced"), []byte("network")}
	cfg.Webhooks = map[string]webhook.Target{"app2": {Keys: [][]byte{[]byte("another network")}}}
	f.start(cfg)
	f.add("app1", "proxied.example.com", "othersite.example.com")
	f.add("app2", "proxied.example.net")
	f.awaitState("app1", "proxied.example.com", tasks.Done)
	f.awaitCause("app1", "othersite.example.com", tasks.CauseOtherSite)
	f.awaitCause("app2", "proxied.example.net", tasks.CauseOtherSite)
	if p := f.view("app1", "proxied.example.com").Cause.Params; p.Provider != simulator.ProxyName {
		t.Errorf("the provider is %q", p.Provider)
	}
	f.awaitState("app1", "othersite.example.com", tasks.Failed)
}

func TestAReloadBringsProxies(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{})
	cfg := f.config("app1")
	wk, _ := f.run(cfg)
	f.add("app1", "proxied.example.com")
	f.awaitState("app1", "proxied.example.com", tasks.Failed)
	if got := f.view("app1", "proxied.example.com").Cause.Code; got != tasks.CauseDNSElsewhere {
		t.Errorf("an address of no known proxy: %s", got)
	}
	cfg.Check.Proxies = []certcheck.Proxy{f.sim.Proxy()}
	if err := wk.Reload(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	f.verify("app1", "proxied.example.com")
	f.awaitState("app1", "proxied.example.com", tasks.Done)
}
