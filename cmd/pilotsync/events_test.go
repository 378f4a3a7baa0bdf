package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"pilotsync/tasks"
)

// addEvent puts an event on the queue, and returns its id.
func addEvent(t *testing.T, mini *miniredis.Miniredis, e tasks.Event) string {
	t.Helper()
	client := asynq.NewClient(asynq.RedisClientOpt{Addr: mini.Addr()})
	defer client.Close()
	_, err := client.Enqueue(asynq.NewTask(tasks.TypeEventDeliver, tasks.Encode(e)), asynq.Queue(tasks.QueueEvents), asynq.TaskID(e.ID()))
	if err != nil {
		t.Fatal(err)
	}
	return e.ID()
}

// withEvents returns the environment of a Redis with three events, of which one failed.
func withEvents(t *testing.T) (env vars, ids []string, inspector *asynq.Inspector) {
	t.Helper()
	env, mini := onRedis(t)
	rdb := redis.NewClient(&redis.Options{Addr: mini.Addr()})
	t.Cleanup(func() { rdb.Close() })
	at := time.Now().Add(-3 * time.Hour).UTC().Truncate(time.Microsecond)
	for i, e := range []tasks.Event{
		{Type: tasks.DomainState, AppID: "app1", Domain: "shop.example.com", Seq: 5, State: tasks.Done, Names: []string{"shop.example.com"}, Reason: "it <works>"},
		{Type: tasks.AppBlocked, AppID: "app2", Reason: "no card"},
		{Type: tasks.AppRecovered, AppID: "app2", Reason: "paid"},
	} {
		e.At = at.Add(time.Duration(i) * time.Microsecond)
		ids = append(ids, addEvent(t, mini, e))
	}
	inspector = asynq.NewInspectorFromRedisClient(rdb)
	if err := inspector.ArchiveTask(tasks.QueueEvents, ids[1]); err != nil {
		t.Fatal(err)
	}
	return env, ids, inspector
}

func TestEventsShowsTheWebhooksEvents(t *testing.T) {
	t.Parallel()
	env, ids, _ := withEvents(t)
	got := command(t, env, "", "events")
	pad := strings.Repeat(" ", len(ids[0])-2)
	want := fmt.Sprintf(`ID%s  APP   HAPPENED  WHAT           DOMAIN            DELIVERY  NEXT  ERROR
%s  app1  3h ago    Done           shop.example.com  waiting   -     -
%s  app2  3h ago    app.blocked    -                 failed    -     -
%s  app2  3h ago    app.recovered  -                 waiting   -     -
`, pad, ids[0], ids[1], ids[2])
	if diff := cmp.Diff(output{exitDone, want, ""}, got, cmp.AllowUnexported(output{})); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func TestEventsShowsOnlyTheSelectedEvents(t *testing.T) {
	t.Parallel()
	env, ids, _ := withEvents(t)
	for args, want := range map[string][]string{
		"":                      ids,
		"--failed":              ids[1:2],
		"--app=app1":            ids[:1],
		"--app=app1 --failed":   nil,
		"--app=app2":            ids[1:],
		"--app=app1 --app=app2": ids,
		"list --failed":         ids[1:2],
	} {
		t.Run(args, func(t *testing.T) {
			t.Parallel()
			got := command(t, env, "", append([]string{"events", "--json"}, strings.Fields(args)...)...)
			if strings.HasPrefix(args, "list") {
				got = command(t, env, "", append([]string{"events"}, strings.Fields(args+" --json")...)...)
			}
			var events []eventStatus
			if err := json.Unmarshal([]byte(got.out), &events); err != nil || got.code != exitDone || events == nil {
				t.Fatalf("%v: %+v", err, got)
			}
			var shown []string
			for _, e := range events {
				shown = append(shown, e.ID)
			}
			if !slices.Equal(shown, want) {
				t.Errorf("got %v, want %v", shown, want)
			}
		})
	}
}

func TestEventsInJSONHasExactlyItsKeys(t *testing.T) {
	t.Parallel()
	env, ids, _ := withEvents(t)
	got := command(t, env, "", "events", "--json", "--app=app1")
	var raw []map[string]any
	if err := json.Unmarshal([]byte(got.out), &raw); err != nil {
		t.Fatalf("%v: %s", err, got.out)
	}
	delete(raw[0]["event"].(map[string]any), "at")
	want := []map[string]any{{"id": ids[0], "delivery": "waiting", "error": "", "next_at": nil, "delivered_at": nil, "event": map[string]any{
		"type": "domain.state", "app_id": "app1", "domain": "shop.example.com", "seq": 5.0, "state": "done", "names": []any{"shop.example.com"}, "reason": "it <works>", "v": 1.0}}}
	if diff := cmp.Diff(want, raw); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}
}

func TestEventsOfNothingIsAnEmptyArray(t *testing.T) {
	t.Parallel()
	env, _ := onRedis(t)
	if got := command(t, env, "", "events", "--json"); got != (output{exitDone, "[]\n", ""}) {
		t.Errorf("got %+v", got)
	}
}

func TestEventsAreReplayedAllOrNone(t *testing.T) {
	t.Parallel()
	env, ids, inspector := withEvents(t)
	state := func() asynq.TaskState {
		info, err := inspector.GetTaskInfo(tasks.QueueEvents, ids[1])
		if err != nil {
			t.Fatal(err)
		}
		return info.State
	}
	for _, test := range []struct {
		name string
		args []string
		want output
		then asynq.TaskState
	}{
		{"an id that isn't known", []string{ids[1], "event:app1:7", "x"}, output{exitFailed, "", "pilotsync: no such event: event:app1:7, x\n" +
			"Nothing was sent. 'pilotsync events' lists the events; delivered ones are kept for a day\n"}, asynq.TaskStateArchived},
		{"one that failed", ids[1:2], output{exitDone, "1 event enqueued for delivery: see 'pilotsync events'\n", ""}, asynq.TaskStatePending},
		{"all, which wait anyway", ids, output{exitDone, "3 events enqueued for delivery: see 'pilotsync events'\n", ""}, asynq.TaskStatePending},
	} {
		got := command(t, env, "", append([]string{"events", "replay"}, test.args...)...)
		if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(output{})); diff != "" || state() != test.then {
			t.Errorf("%s: the event is %s (-want +got):\n%s", test.name, state(), diff)
		}
	}
	if got := command(t, env, "", "events", "replay"); got.code != exitUsage {
		t.Errorf("without an id: %+v", got)
	}
	if got := command(t, env, "", "events", "--app=a/b"); got.code != exitUsage || !strings.Contains(got.err, "--app") {
		t.Errorf("with a wrong app: %+v", got)
	}
}
