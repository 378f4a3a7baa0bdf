package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"pilotsync/tasks"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
)

// A user who types a name that is changed to another form sees that form before anything is done.
func TestNamesThatAreTakenInAnotherFormAreShown(t *testing.T) {
	t.Parallel()
	env, mini := onRedis(t)
	liveWorker(t, mini.Addr(), "a")
	file := filepath.Join(t.TempDir(), "domains.txt")
	// A Windows editor's file: a byte-order mark, and carriage returns.
	if err := os.WriteFile(file, []byte("\uFEFFplain.example.com\r\n# MÜNCHEN.example\r\nMÜNCHEN.example\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const umlaut = "MÜNCHEN.example → xn--mnchen-3ya.example\n"
	for _, test := range []struct {
		args, err string
	}{
		{"enqueue add --app=a plain.example.com", ""},
		{"enqueue add --app=a Shop.Example.com. i❤.ws", "Shop.Example.com. → shop.example.com\ni❤.ws → xn--i-7iq.ws\n"},
		{"enqueue remove --app=a --yes --json --file=" + file, umlaut},
		{"verify MÜNCHEN.example", umlaut},
		{"retry MÜNCHEN.example", umlaut},
		{"logs MÜNCHEN.example", umlaut},
		{"adopt --app=a --client-id=c --api-key=k --api-url=http://127.0.0.1:1/v1 --file=" + file, umlaut},
	} {
		got := command(t, env, "", strings.Fields(test.args)...)
		if got.code == exitUsage || !strings.HasPrefix(got.err, test.err) || test.err == "" && got.err != "" || strings.Contains(got.out, "→") {
			t.Errorf("%s: %+v; want %q on standard error", test.args, got, test.err)
		}
	}
	got := command(t, env, "", "enqueue", "add", "--app=a", "MÜNCHEN.example", "a–b.example.com")
	want := "pilotsync: nothing was enqueued:\ndomain \"a–b.example.com\" is refused: it has an en dash (U+2013) at position 2, which host names don't allow; use a plain hyphen (-) (did you mean a-b.example.com?)\n"
	if got.code != exitUsage || !strings.HasPrefix(got.err, want) {
		t.Errorf("got %+v; want %s", got, want)
	}
}

// The index of names says which apps have a domain, and the summaries which have rejected ones.
func TestFindingDomainsDoesNotReadAllApps(t *testing.T) {
	t.Parallel()
	const few, many = 10, 60
	took := map[string]map[int]int{}
	for _, apps := range []int{few, many} {
		env, mini := onRedis(t)
		s := newLedgerFixture(t, mini.Addr())
		for i := range apps {
			s.settle(fmt.Sprintf("app%d", i), listsync.Record{Domain: fmt.Sprintf("shop%d.example.com", i), State: tasks.Done, Wanted: true})
		}
		s.settle("app1", listsync.Record{Domain: "bad.example.com", State: tasks.Rejected, Names: []string{"bad.example.com"}})
		rdb := redis.NewClient(&redis.Options{Addr: mini.Addr()})
		defer rdb.Close()
		if err := ledger.New(rdb).CompleteNames(t.Context(), nil, time.Now()); err != nil {
			t.Fatal(err)
		}
		const marks = "pilotsync:{agenda}:changed"
		for _, app := range rdb.ZRange(t.Context(), marks, 0, -1).Val() {
			rdb.ZIncrBy(t.Context(), marks, float64(-time.Hour.Milliseconds()), app)
		}
		command(t, env, "", "status", "--state=rejected") // keeps the summaries
		for _, args := range []string{"logs shop2.example.com", "verify shop3.example.com", "retry bad.example.com", "retry --state=rejected"} {
			before := mini.CommandCount()
			if got := command(t, env, "", strings.Fields(args)...); got.code != exitDone {
				t.Fatalf("%s: %+v", args, got)
			}
			if took[args] == nil {
				took[args] = map[int]int{}
			}
			took[args][apps] = mini.CommandCount() - before
		}
	}
	for args, took := range took {
		if took[many] > took[few]+few {
			t.Errorf("%s takes %v commands by number of apps", args, took)
		}
	}
}
