package ledger

import (
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"pilotsync/tasks"
	"pilotsync/worker/listsync"
)

// certificate is one with a lifetime and a rest of it in days. A lifetime of 0 isn't known.
func certificate(lifetime, left int) *listsync.Cert {
	c := &listsync.Cert{Issuer: "CA", NotAfter: time.Now().AddDate(0, 0, left)}
	if lifetime > 0 {
		c.NotBefore = c.NotAfter.AddDate(0, 0, -lifetime)
	}
	return c
}

// listed records a domain by a sync that ends with the given record.
func listed(t *testing.T, l *Ledger, r listsync.Record) {
	t.Helper()
	ctx := t.Context()
	if _, err := l.Record(ctx, change(r.Domain, r.Seq), event("add")); err != nil {
		t.Fatal(err)
	}
	lease, err := l.Acquire(ctx, testApp)
	if err != nil {
		t.Fatal(err)
	}
	before := view(t, l, r.Domain).Record
	r.Version = before.Version
	if lost, err := l.Commit(ctx, lease, listsync.Commit{Listed: 1, Outcomes: []listsync.Outcome{{Record: r}}}); err != nil || len(lost) > 0 {
		t.Fatalf("%v is not committed: %v", lost, err)
	}
	if _, err := l.Release(ctx, lease); err != nil {
		t.Fatal(err)
	}
}

func view(t *testing.T, l *Ledger, domain string) View {
	t.Helper()
	v, _, err := l.Domain(t.Context(), testApp, domain)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// verified replaces the record of a listed domain.
func verified(t *testing.T, l *Ledger, domain string, state tasks.State, cert *listsync.Cert) {
	t.Helper()
	before := view(t, l, domain).Record
	after := before
	after.State, after.Certificate = state, cert
	if ok, err := l.CommitVerification(t.Context(), testApp, before, after, listsync.HistoryEntry{}); err != nil || !ok {
		t.Fatalf("%s is not recorded: %v", domain, err)
	}
}

// expiring shows the count, and the domain whose certificate ends first.
func expiring(t *testing.T, l *Ledger) string {
	t.Helper()
	apps, err := l.AppStates(t.Context(), testApp)
	if err != nil {
		t.Fatal(err)
	}
	e := apps[0].Expiring
	if (e.Count > 0) != !e.First.IsZero() {
		t.Errorf("%d certificates expire, the first at %s", e.Count, e.First)
	}
	return fmt.Sprintf("%d %s", e.Count, e.Domain)
}

func TestExpiringFollowsTheLifetime(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, l *Ledger, _ *redis.Client) {
		const domain = "shop.example.com"
		listed(t, l, record(domain, first))
		for _, c := range []struct {
			lifetime, left int
			want           string
		}{
			{90, 23, "0 "}, {90, 22, "1 " + domain}, {64, 17, "0 "}, {64, 15, "1 " + domain}, {45, 12, "0 "}, {45, 11, "1 " + domain},
			{6, 2, "0 "}, {6, 1, "1 " + domain}, {398, 99, "1 " + domain}, {398, 100, "0 "}, {0, 23, "0 "}, {0, 22, "1 " + domain},
			{90, -1, "1 " + domain},
		} {
			verified(t, l, domain, tasks.Done, certificate(c.lifetime, c.left))
			if got := expiring(t, l); got != c.want {
				t.Errorf("%d of %d days are left: got %q, want %q", c.left, c.lifetime, got, c.want)
			}
		}
	})
}

// The certificate that ends first of all isn't always one that wasn't renewed.
func TestExpiringNamesTheFirstThatWasNotRenewed(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, l *Ledger, _ *redis.Client) {
		for i, c := range []struct {
			domain         string
			lifetime, left int
		}{{"short.example.com", 45, 14}, {"late.example.com", 90, 21}, {"later.example.com", 90, 22}, {"new.example.com", 90, 80}} {
			listed(t, l, record(c.domain, first+int64(i)))
			verified(t, l, c.domain, tasks.Done, certificate(c.lifetime, c.left))
		}
		if got := expiring(t, l); got != "2 late.example.com" {
			t.Errorf("got %q", got)
		}
	})
}

func TestExpiringEndsWithTheDomain(t *testing.T) {
	t.Parallel()
	const domain = "shop.example.com"
	for name, end := range map[string]func(*testing.T, *Ledger){
		"renewed": func(t *testing.T, l *Ledger) { verified(t, l, domain, tasks.Done, certificate(90, 89)) },
		"fails":   func(t *testing.T, l *Ledger) { verified(t, l, domain, tasks.Failed, certificate(90, 5)) },
		"removed": func(t *testing.T, l *Ledger) {
			r := ended(domain, first+1)
			r.Certificate = certificate(90, 5)
			listed(t, l, r)
		},
		"forgotten": func(t *testing.T, l *Ledger) {
			if err := l.Forget(t.Context(), testApp); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onBackends(t, func(t *testing.T, l *Ledger, rdb *redis.Client) {
				listed(t, l, record(domain, first))
				verified(t, l, domain, tasks.Done, certificate(90, 5))
				if got := expiring(t, l); got != "1 "+domain {
					t.Fatalf("got %q before", got)
				}
				end(t, l)
				if got := expiring(t, l); got != "0 " {
					t.Errorf("got %q", got)
				}
				if late := rdb.ZCount(t.Context(), key(testApp, "renew_by"), "-inf", number(time.Now().Unix())).Val(); late != 0 {
					t.Errorf("%d late ones are left in Redis", late)
				}
			})
		})
	}
}

// Workers of 0.1.0 keep the certificates' ends, and don't know by when they should have been
// renewed.
func TestExpiringBesideWorkersOfAnEarlierRelease(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, l *Ledger, rdb *redis.Client) {
		ctx := t.Context()
		byOldWorker := func(domain string, left int) {
			t.Helper()
			if err := rdb.ZAdd(ctx, key(testApp, "expiry"), redis.Z{Member: domain, Score: float64(certificate(0, left).NotAfter.Unix())}).Err(); err != nil {
				t.Fatal(err)
			}
		}
		check := func(when, want string) {
			t.Helper()
			if got := expiring(t, l); got != want {
				t.Errorf("%s: got %q, want %q", when, got, want)
			}
		}
		for i, domain := range []string{"late.example.com", "new.example.com", "short.example.com"} {
			listed(t, l, record(domain, first+int64(i)))
		}
		byOldWorker("late.example.com", 22)
		byOldWorker("new.example.com", 80)
		byOldWorker("short.example.com", 12)
		check("before the upgrade, 90 days are assumed", "2 short.example.com")
		verified(t, l, "short.example.com", tasks.Done, certificate(45, 12))
		check("one was rechecked by a new worker", "1 late.example.com")
		verified(t, l, "late.example.com", tasks.Done, certificate(90, 22))
		verified(t, l, "new.example.com", tasks.Done, certificate(90, 80))
		check("all were", "1 late.example.com")

		if err := rdb.ZRem(ctx, key(testApp, "expiry"), "late.example.com").Err(); err != nil {
			t.Fatal(err)
		}
		check("an old worker removed it", "0 ")
		verified(t, l, "new.example.com", tasks.Done, certificate(90, 79))
		if left := rdb.ZRange(ctx, key(testApp, "renew_by"), 0, -1).Val(); fmt.Sprint(left) != "[short.example.com new.example.com]" {
			t.Errorf("Redis still has %v", left)
		}
	})
}
