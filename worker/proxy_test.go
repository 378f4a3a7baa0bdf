package worker_test

import (
	"testing"

	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/worker/certcheck"
	"pilotsync/worker/webhook"
)

func (w *fixture) awaitCause(app, domain string, want tasks.Code) {
	w.t.Helper()
	w.await(domain+" has the cause "+string(want), func() bool { return w.view(app, domain).Cause.Code == want })
}

func TestASiteBehindAProxyProvesItselfByItsAppsSecrets(t *testing.T) {
	t.Parallel()
	w := setup(t, simulator.Options{Apps: []simulator.App{{ID: "app1"}, {ID: "app2"}}, SiteSecret: []byte("network")})
	cfg := w.config("app1", "app2")
	cfg.Check.Proxies = []certcheck.Proxy{w.sim.Proxy()}
	cfg.Webhook.Keys = [][]byte{[]byte("replaced"), []byte("network")}
	cfg.Webhooks = map[string]webhook.Target{"app2": {Keys: [][]byte{[]byte("another network")}}}
	w.start(cfg)
	w.add("app1", "proxied.example.com", "othersite.example.com")
	w.add("app2", "proxied.example.net")
	w.awaitState("app1", "proxied.example.com", tasks.Done)
	w.awaitCause("app1", "othersite.example.com", tasks.CauseOtherSite)
	w.awaitCause("app2", "proxied.example.net", tasks.CauseOtherSite)
	if p := w.view("app1", "proxied.example.com").Cause.Params; p.Provider != simulator.ProxyName {
		t.Errorf("the provider is %q", p.Provider)
	}
	w.awaitState("app1", "othersite.example.com", tasks.Failed)
}

func TestAReloadBringsProxies(t *testing.T) {
	t.Parallel()
	w := setup(t, simulator.Options{})
	cfg := w.config("app1")
	wk, _ := w.run(cfg)
	w.add("app1", "proxied.example.com")
	w.awaitState("app1", "proxied.example.com", tasks.Failed)
	if got := w.view("app1", "proxied.example.com").Cause.Code; got != tasks.CauseDNSElsewhere {
		t.Errorf("an address of no known proxy: %s", got)
	}
	cfg.Check.Proxies = []certcheck.Proxy{w.sim.Proxy()}
	if err := wk.Reload(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	w.verify("app1", "proxied.example.com")
	w.awaitState("app1", "proxied.example.com", tasks.Done)
}
