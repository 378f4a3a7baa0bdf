//go:build adversary

package adversary

import (
	"fmt"
	"testing"
	"time"

	"pilotsync/enqueue"
	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/test/harness"
)

// Any customer may map a domain whose name servers never answer.
func TestHangingNameServersDelayNoHonestDomain(t *testing.T) {
	t.Parallel()
	const apps, each, warm = 4, 250, 100
	opt := simulator.Options{Apps: []simulator.App{{ID: "honest"}}, CertDelay: time.Millisecond}
	for i := range apps {
		opt.Apps = append(opt.Apps, simulator.App{ID: fmt.Sprint("attacker", i)})
	}
	f := newFixture(t, opt)
	var reqs []enqueue.Request
	for i := range apps {
		for n := range each {
			domain := fmt.Sprintf("www.n%d.attacker%d.example.com", n, i) // without a www form
			f.sim.SetBehaviour(domain, simulator.Behaviour{DNSSilent: true})
			reqs = append(reqs, enqueue.Request{AppID: fmt.Sprint("attacker", i), Domain: domain})
		}
	}
	if _, err := enqueue.New(f.as("php")).Enqueue(t.Context(), reqs...); err != nil {
		t.Fatal(err)
	}
	attempts := func() (all int) { // of the attacker's domains
		for i := range apps {
			views, err := f.ledger.Domains(t.Context(), fmt.Sprint("attacker", i))
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range views {
				all += v.Record.Attempt
			}
		}
		return all
	}
	f.worker("PILOTSYNC_SSL_DELAYS=1s,1s,1s,1s,1s,1s,1s,1s,1s,1s", "PILOTSYNC_PROXIES=")
	harness.AwaitTrue(t, "some hanging names were tried", func() bool { return attempts() >= warm })
	// All the others are due, and those are again and again.
	for _, app := range []string{"honest", "attacker0"} {
		domain := "www.shop." + app + ".example.net"
		if _, err := enqueue.New(f.as("php")).Enqueue(t.Context(), enqueue.Request{AppID: app, Domain: domain}); err != nil {
			t.Fatal(err)
		}
		// What comes before is a sync and a delay, which take long on a busy machine.
		harness.AwaitTrue(t, domain+" is due", func() bool {
			view, _, err := f.ledger.Domain(t.Context(), app, domain)
			due := view.Record.NextAttemptAt
			return err == nil && (view.Record.Attempt > 0 || due != nil && time.Now().After(*due))
		})
		before := attempts()
		harness.AwaitTrue(t, domain+" is done", func() bool {
			view, _, err := f.ledger.Domain(t.Context(), app, domain)
			return err == nil && view.State == tasks.Done
		})
		if more := attempts() - before; more > apps*each/2 {
			t.Errorf("the honest domain of app %s came after %d attempts for %d hanging ones", app, more, apps*each)
		}
	}
	f.requireService()
}
