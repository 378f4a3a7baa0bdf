package worker_test

import (
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/sirupsen/logrus"

	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/test/harness"
	"pilotsync/test/redistest"
	"pilotsync/worker/webhook"
)

func TestSecretsReachNeitherRedisNorTheLog(t *testing.T) {
	t.Parallel()
	sim, err := simulator.Start(simulator.Options{Apps: []simulator.App{{ID: "app1", CustomCertificate: true}, {ID: "app2"}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	redis := miniredis.RunT(t)
	f := setupOn(t, sim, redis.Addr())
	cfg := f.config("app1", "app2")
	var log harness.Log
	cfg.Log.SetOutput(&log)
	cfg.Log.SetLevel(logrus.TraceLevel)
	// One webhook that refuses events, and one that doesn't exist: their errors are kept.
	site := newReceiver(t)
	site.answer(500)
	gone := newReceiver(t)
	gone.Close()
	cfg.Webhooks = map[string]webhook.Target{"app1": target(t, site.URL+"/?key=url-key", oldSecret, newSecret),
		"app2": target(t, gone.URL+"/?key=url-key", oldSecret, newSecret)}
	sim.SetAccountStatus(401)         // an answer about the credentials, first
	sim.SetAppStatus("app2", 500)     // one app stays in trouble
	f.add("app1", "shop.example.com") // its app's answers hold a private key
	f.add("app2", "broken.example.com")
	stop := f.start(cfg)
	// Each app has an event then, for its webhook. app2 gets no other.
	f.await("both apps are blocked", func() bool {
		return strings.Contains(f.view("app1", "shop.example.com").Reason, "401") && strings.Contains(f.view("app2", "broken.example.com").Reason, "401")
	})
	stop()
	sim.SetAccountStatus(0)
	f.start(cfg)
	f.awaitState("app1", "shop.example.com", tasks.Done)
	f.await("both webhooks failed", func() bool {
		failed := map[string]bool{}
		for _, e := range f.events(false) {
			failed[e.Event.AppID] = failed[e.Event.AppID] || e.Error != ""
		}
		return failed["app1"] && failed["app2"]
	})
	for where, text := range map[string]string{"Redis": redistest.Dump(t, f.rdb), "the log": log.String()} {
		if !strings.Contains(text, "shop.example.com") {
			t.Errorf("%s says nothing of the domain: the test tests nothing", where)
		}
		for _, secret := range []string{"sim-key", simulator.PrivateKeyMark, "url-key", "whsec_", oldSecret[6:], newSecret[6:]} {
			if strings.Contains(text, secret) {
				t.Errorf("%s holds %q", where, secret)
			}
		}
	}
}
