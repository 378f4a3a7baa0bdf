package worker_test

import (
	"fmt"
	"testing"
	"time"

	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/test/redistest"
	"pilotsync/worker"
	"pilotsync/worker/followup"
)

// Any customer may map a domain whose name servers never answer.
func TestHangingNamesDelayNoOtherDomain(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, app string }{{"of another app", "honest"}, {"of the same app", "hang0"}} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			const apps, each = 5, 50
			f, cfg := hangingNames(t, apps, each)
			attempts := func(most int) (n int) { // domains with so many attempts
				for i := range apps {
					views, err := f.ledger.Domains(t.Context(), fmt.Sprint("hang", i))
					if err != nil {
						t.Fatal(err)
					}
					for _, v := range views {
						if v.Record.Attempt >= most {
							n++
						}
					}
				}
				return n
			}
			stop := f.start(cfg)
			f.await("each hanging name was tried", func() bool { return attempts(1) == apps*each })
			stop()
			if n := attempts(2); n > 0 {
				t.Fatalf("%d names were tried again already", n)
			}

			// Their second attempts come before the first one of another domain.
			enqueuer, now := followup.New(f.rdb), time.Now()
			for i := range apps {
				app := fmt.Sprint("hang", i)
				views, err := f.ledger.Domains(t.Context(), app)
				if err != nil {
					t.Fatal(err)
				}
				for _, v := range views {
					v.Record.NextAttemptAt = &now
					if err := enqueuer.VerifyAgain(t.Context(), followup.NextAttempt(app, v.Record), now); err != nil {
						t.Fatal(err)
					}
				}
			}
			cfg.Check.Timeout = 20 * time.Second
			f.start(cfg)
			f.await("the first of them are tried again", func() bool { return attempts(2) > 0 })
			f.add(test.app, "www.honest.example.com")
			f.awaitState(test.app, "www.honest.example.com", tasks.Done)
			if n := attempts(2); n > apps*each/2 {
				t.Errorf("%d of %d hanging names were tried again before the first attempt of another domain", n, apps*each)
			}
		})
	}
}

// hangingNames has apps of one account, hang0 and so on with domains whose DNS doesn't answer, and
// the app honest without one. A worker of its configuration gives DNS half a second or more.
func hangingNames(t *testing.T, apps, each int) (*fixture, worker.Config) {
	t.Helper()
	opt := simulator.Options{Apps: []simulator.App{{ID: "honest"}}}
	ids := []string{"honest"}
	for i := range apps {
		ids = append(ids, fmt.Sprint("hang", i))
		opt.Apps = append(opt.Apps, simulator.App{ID: ids[i+1]})
	}
	sim, err := simulator.Start(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	f := setupOn(t, sim, redistest.New(t).Addr)
	for i := range apps {
		domains := make([]string, each)
		for n := range domains {
			domains[n] = fmt.Sprintf("www.n%d.hang%d.example.com", n, i) // without a www form
			sim.SetBehaviour(domains[n], simulator.Behaviour{DNSSilent: true})
		}
		f.add(ids[i+1], domains...)
	}
	cfg := f.config(ids...)
	cfg.Reconcile, cfg.Check.Timeout = worker.ReconcileOff, 3*time.Second
	cfg.SSLDelays = []time.Duration{time.Second, time.Hour, time.Hour}
	return f, cfg
}
