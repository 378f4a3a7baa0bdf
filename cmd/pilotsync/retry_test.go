package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"pilotsync/tasks"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
)

// pendingChanges are the tasks that wait in the queue of changes.
func pendingChanges(t *testing.T, addr string) []*asynq.TaskInfo {
	t.Helper()
	rdb := redis.NewClient(&redis.Options{Addr: addr})
	defer rdb.Close()
	infos, err := asynq.NewInspectorFromRedisClient(rdb).ListPendingTasks(tasks.QueueDomains)
	if err != nil && !errors.Is(err, asynq.ErrQueueNotFound) { // no change was ever enqueued
		t.Fatal(err)
	}
	return infos
}

func TestOnlyRejectedDomainsAreSentAgain(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		args string
		code int
		want []string // as app/domain www
		err  string
	}{
		{"bad.example.com", exitDone, []string{"app1/bad.example.com always", "app2/bad.example.com never"}, ""},
		{"BAD.example.com. --app=app2", exitDone, []string{"app2/bad.example.com never"}, ""},
		{"--state=rejected", exitDone, []string{"app1/bad.example.com always", "app1/worse.example.com never", "app2/bad.example.com never"}, ""},
		{"--state=rejected --app=app1", exitDone, []string{"app1/bad.example.com always", "app1/worse.example.com never"}, ""},
		{"bad.example.com done.example.com", exitFailed, nil, "nothing was sent: done.example.com on app app1 is Done, not Rejected"},
		{"new.example.com", exitFailed, nil, "new.example.com on app app1 is Pending, not Rejected"},
		{"nowhere.example.com", exitFailed, nil, "nothing was sent: not known: nowhere.example.com ("},
		{"--state=failed", exitUsage, nil, `--state is "failed"; it takes rejected`},
		{"bad.example.com --state=rejected", exitUsage, nil, "domains and --state are both given"},
		{"", exitUsage, nil, "no domain is given"},
	} {
		t.Run(test.args, func(t *testing.T) {
			t.Parallel()
			env, mini := onRedis(t)
			s := newLedgerFixture(t, mini.Addr())
			s.settle("app1", listsync.Record{Domain: "bad.example.com", State: tasks.Rejected, OldReason: "taken", Names: []string{"bad.example.com", "www.bad.example.com"}, SiteID: 7, Attempts: 9})
			s.settle("app1", listsync.Record{Domain: "worse.example.com", State: tasks.Rejected, Names: []string{"worse.example.com"}})
			s.settle("app1", listsync.Record{Domain: "done.example.com", State: tasks.Done, Wanted: true})
			s.settle("app2", listsync.Record{Domain: "bad.example.com", State: tasks.Rejected, Names: []string{"bad.example.com"}})
			s.record("app1", "new.example.com")
			got := command(t, env, "", append([]string{"retry", "--by=ada"}, strings.Fields(test.args)...)...)
			sent := map[string]string{}
			for _, info := range pendingChanges(t, mini.Addr()) {
				c, err := tasks.Decode[tasks.Change](info.Payload)
				if err != nil || c.By != "ada" || c.AppID == "app1" && c.Domain == "bad.example.com" && (c.SiteID != 7 || c.Attempts != 9) || c.Seq <= s.seq || info.Type != tasks.TypeDomainAdd {
					t.Errorf("%v: %s of %+v", err, info.Type, c)
				}
				sent[c.AppID+"/"+c.Domain] = string(c.WWW)
			}
			want := map[string]string{}
			for _, w := range test.want {
				name, www, _ := strings.Cut(w, " ")
				want[name] = www
			}
			if diff := cmp.Diff(want, sent); diff != "" || got.code != test.code || !strings.Contains(got.err, test.err) {
				t.Errorf("%+v; sent (-want +got):\n%s", got, diff)
			}
		})
	}
}

func TestARefusedRemovalIsSentAgainAsARemoval(t *testing.T) {
	t.Parallel()
	v := ledger.View{AppID: "app1", Domain: "a.example.com", State: tasks.Rejected, Record: listsync.Record{Names: []string{"a.example.com"}, Attempts: 9}}
	addition := listsync.HistoryEntry{State: tasks.Pending, Cause: tasks.Cause{Code: tasks.CauseAdditionRequested}}
	removal := listsync.HistoryEntry{State: tasks.Pending, Cause: tasks.Cause{Code: tasks.CauseRemovalRequested}}
	// As earlier releases stored it. The text of an entry with a code means nothing.
	old := listsync.HistoryEntry{State: tasks.Pending, Reason: "asked to be taken off the list"}
	addition.Reason = old.Reason
	history := []listsync.HistoryEntry{{State: tasks.Rejected}, removal, addition}
	for _, entry := range []listsync.HistoryEntry{removal, old} {
		if r, err := refusedRequest(v, []listsync.HistoryEntry{{State: tasks.Rejected}, entry, addition}, "ada"); !r.Remove || r.Attempts != 0 || err != nil {
			t.Errorf("got %+v, %v", r, err)
		}
	}
	if r, err := refusedRequest(v, history[2:], "ada"); r.Remove || r.Attempts != 9 || err != nil {
		t.Errorf("of an addition: %+v, %v", r, err)
	}
	later := listsync.HistoryEntry{Reason: "this line is of form 2"} // which may be the request
	if _, err := refusedRequest(v, append([]listsync.HistoryEntry{later}, history...), "ada"); err == nil || !strings.Contains(err.Error(), "a.example.com on app app1: this line is of form 2") {
		t.Errorf("of what only a newer one can read: %v", err)
	}
}
