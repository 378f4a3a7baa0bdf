//go:build faults

package faults

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hibiken/asynq"

	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/test/harness"
)

// maxReasonShown is the most bytes of an archived task's reason: the dashboard shows it in a line,
// and the log has it once a task.
const maxReasonShown = 1000

// poison is a task that can't be processed.
type poison struct{ what, queue, kind, payload, reason string }

func poisons() []poison {
	const (
		add    = `{"app_id":"app1","domain":"x.example.com","seq":1,"requested_at":"2026-01-01T00:00:00Z"`
		verify = `{"app_id":"app1","domain":"x.example.com","seq":1,"attempt":1,"due_at":"2026-01-01T00:00:00Z"`
	)
	long := strings.Repeat("a", 50<<10)
	all := []poison{
		{"a domain of 50 KiB", tasks.QueueDomains, tasks.TypeDomainAdd, `{"app_id":"app1","domain":"` + long + `","seq":1,"requested_at":"2026-01-01T00:00:00Z"}`, "longer than"},
		{"an app id of 50 KiB", tasks.QueueDomains, tasks.TypeDomainAdd, `{"app_id":"` + long + `","domain":"x.example.com","seq":1,"requested_at":"2026-01-01T00:00:00Z"}`, "app_id is"},
		{"a by of 50 KiB", tasks.QueueDomains, tasks.TypeDomainAdd, add + `,"by":"` + long + `"}`, "by is"},
		{"a www of 50 KiB", tasks.QueueDomains, tasks.TypeDomainAdd, add + `,"www":"` + long + `"}`, "www is"},
		{"a number of 50 KiB", tasks.QueueDomains, tasks.TypeDomainAdd, strings.Replace(add, `"seq":1`, `"seq":`+strings.Repeat("1", 50<<10), 1) + `}`, "seq is"},
		{"a time of 50 KiB", tasks.QueueDomains, tasks.TypeDomainAdd, strings.Replace(add, "2026-01-01T00:00:00Z", long, 1) + `}`, "requested_at is"},
		{"nested fifty thousand times", tasks.QueueDomains, tasks.TypeDomainAdd, strings.Repeat("[", 50_000), "not the JSON"},
		{"a sync's app id of 50 KiB", tasks.QueueLists, tasks.TypeAppSync, `{"app_id":"` + long + `","wake":1}`, "app_id is"},
		{"an event's type of 50 KiB", tasks.QueueEvents, tasks.TypeEventDeliver, `{"type":"` + long + `","app_id":"app1","at":"2026-01-01T00:00:00Z"}`, "type is"},
		{"a state of 50 KiB", tasks.QueueEvents, tasks.TypeEventDeliver, `{"type":"domain.state","app_id":"app1","domain":"x.example.com","seq":1,"state":"` + long + `","at":"2026-01-01T00:00:00Z"}`, "state is"},
		{"app_id is a number", tasks.QueueDomains, tasks.TypeDomainAdd, strings.Replace(add, `"app1"`, `7`, 1) + `}`, "app_id is a JSON number; it takes a string"},
		{"domain is a list", tasks.QueueDomains, tasks.TypeDomainRemove, strings.Replace(add, `"x.example.com"`, `["x.example.com"]`, 1) + `}`, "domain is a JSON array; it takes a string"},
		{"seq is a string", tasks.QueueDomains, tasks.TypeDomainAdd, strings.Replace(add, `"seq":1`, `"seq":"1"`, 1) + `}`, "seq is a JSON string; it takes a whole number"},
		{"seq is a fraction", tasks.QueueDomains, tasks.TypeDomainAdd, strings.Replace(add, `"seq":1`, `"seq":1.5`, 1) + `}`, "seq is"},
		{"requested_at isn't a time", tasks.QueueDomains, tasks.TypeDomainAdd, strings.Replace(add, "2026-01-01T00:00:00Z", "yesterday", 1) + `}`, "requested_at is"},
		{"attempt is missing", tasks.QueueSSL, tasks.TypeSSLVerify, strings.Replace(verify, `"attempt":1,`, "", 1) + `}`, "attempt is 0"},
		{"names is a string", tasks.QueueEvents, tasks.TypeEventDeliver, `{"type":"app.blocked","app_id":"app1","names":"x","at":"2026-01-01T00:00:00Z"}`, "names is a JSON string"},
		{"wake is negative", tasks.QueueLists, tasks.TypeAppSync, `{"app_id":"app1","wake":-1}`, "wake is -1"},
		{"an app id that would be a path", tasks.QueueLists, tasks.TypeAppSync, `{"app_id":"../servers","wake":1}`, "app_id is"},
		{"a type of 50 KiB", tasks.QueueDomains, "domain:" + long, `{}`, "no such task type"},
	}
	kinds := map[string]string{tasks.QueueDomains: tasks.TypeDomainAdd, tasks.QueueLists: tasks.TypeAppSync,
		tasks.QueueSSL: tasks.TypeSSLVerify, tasks.QueueEvents: tasks.TypeEventDeliver}
	for queue, kind := range kinds {
		wrongType := tasks.TypeAppSync // a type of another queue
		if queue == tasks.QueueLists {
			wrongType = tasks.TypeDomainAdd
		}
		all = append(all,
			poison{queue + ": not JSON", queue, kind, "\x00\xff<xml/>", "not the JSON"},
			poison{queue + ": nothing", queue, kind, "", "not the JSON"},
			poison{queue + ": null", queue, kind, "null", "app_id is"},
			poison{queue + ": an array", queue, kind, "[]", "not the JSON"},
			poison{queue + ": 50 KiB of nothing", queue, kind, strings.Repeat("\x00", 50<<10), "not the JSON"},
			poison{queue + ": an unknown type", queue, "domain:rename", "{}", `no such task type on this queue: "domain:rename"`},
			poison{queue + ": a type of another queue", queue, wrongType, add + "}", "no such task type"},
		)
	}
	return all
}

func TestPoisonIsArchivedWithItsReasonAndTheRestGoesOn(t *testing.T) {
	t.Parallel()
	f := newFixture(t, simulator.Options{Apps: []simulator.App{appWithDomains("app1"), appWithDomains("app2")}})
	client, inspector := asynq.NewClientFromRedisClient(f.rdb), asynq.NewInspectorFromRedisClient(f.rdb)
	ids := map[string]poison{}
	for i, p := range poisons() {
		info, err := client.EnqueueContext(t.Context(), asynq.NewTask(p.kind, []byte(p.payload)), asynq.Queue(p.queue))
		if err != nil {
			t.Fatalf("%s: %v", p.what, err)
		}
		ids[info.ID] = p
		if i%2 == 0 { // real changes before, between and after
			f.add(f.apps[i/2%2], fmt.Sprintf("shop%02d.example.com", i))
		}
	}
	began := time.Now()
	worker := f.worker()
	f.awaitSettled()
	t.Logf("%d changes among %d tasks of poison settled within %s", f.workload.Acked(), len(ids), time.Since(began).Round(100*time.Millisecond))
	for id, p := range ids {
		var info *asynq.TaskInfo
		harness.Await(t, p.what+" is archived", func() (err error) {
			if info, err = inspector.GetTaskInfo(p.queue, id); err == nil && info.State != asynq.TaskStateArchived {
				err = errors.New(info.State.String())
			}
			return err
		})
		if !strings.Contains(info.LastErr, p.reason) {
			t.Errorf("%s: the reason doesn't say %q: %.300s", p.what, p.reason, info.LastErr)
		}
		if len(info.LastErr) > maxReasonShown {
			t.Errorf("%s: the reason has %d bytes: %.100s…", p.what, len(info.LastErr), info.LastErr)
		}
		if info.Retried != 0 {
			t.Errorf("%s: tried again %d times", p.what, info.Retried)
		}
	}
	for line := range strings.Lines(worker.Written()) {
		if len(line) > 4*maxReasonShown {
			t.Errorf("a line of the log has %d bytes: %.200s…", len(line), line)
		}
	}
	if !worker.Alive() {
		t.Error("the worker ended")
	}
	f.add("app1", "last.example.com")
	f.awaitSettled()
	f.check()
}
