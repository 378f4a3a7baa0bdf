package upgrade

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/hibiken/asynq"

	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/test/harness"
)

// A task in a later release's format waits for a worker that can read it. Neither a worker nor the
// janitor gives it up, and it delays nothing else. It continues by itself.
func TestALaterFormWaitsForAWorkerThatKnowsIt(t *testing.T) {
	harness.Long(t)
	t.Parallel()
	f := newFixture(t, simulator.App{ID: "app1"}, simulator.App{ID: "app2"})
	present := f.start(built.present, nil, "worker")
	add := func(program, app, domain string) { f.must(program, "enqueue", "add", "--app", app, domain) }

	// A payload.
	add(built.next, "app1", "later.example.com")
	harness.Await(f.t, "the task waits", func() error {
		waiting, err := asynq.NewInspectorFromRedisClient(f.rdb).ListRetryTasks(tasks.QueueDomains)
		if err != nil || len(waiting) != 1 || !strings.Contains(waiting[0].LastErr, tasks.ErrNewer.Error()) {
			return fmt.Errorf("to be tried again: %+v (%w)", waiting, err)
		}
		return nil
	})
	add(built.present, "app1", "now.example.com")
	f.awaitState("app1", "now.example.com", tasks.Done, "")
	if out, _, _ := f.run(built.present, "doctor"); !strings.Contains(out, tasks.ErrNewer.Error()) || strings.Contains(out, "archives such") {
		t.Errorf("the doctor doesn't say that a task waits for a newer worker:\n%s", out)
	}
	next := f.start(built.next, nil, "worker")
	f.stop(present) // while both run, either may get the task each time
	harness.Await(f.t, "the next release's worker does it", func() error {
		if list := fmt.Sprint(f.sim.List("app1")); !strings.Contains(list, "later.example.com") {
			return errors.New(list)
		}
		return nil
	})
	harness.Await(f.t, "no task remains", f.idle)
	f.stop(next)
	present = f.start(built.present, nil, "worker")

	// With such a record its app waits, since a plan needs all of an app's records; other apps
	// don't.
	add(built.present, "app1", "waits.example.com")
	add(built.present, "app2", "other.example.com")
	f.awaitState("app2", "other.example.com", tasks.Done, "")
	harness.Await(f.t, "app1's failure has the reason", func() error {
		app, err := f.ledger.App(f.t.Context(), "app1")
		if err == nil && (app.Failure == nil || !strings.Contains(app.Failure.Reason, tasks.ErrNewer.Error())) {
			err = fmt.Errorf("it is in %+v", app.Failure)
		}
		return err
	})
	if before := fmt.Sprint(f.sim.List("app1")); strings.Contains(before, "waits.example.com") {
		t.Errorf("a plan was made without knowing all records: %s", before)
	}
	if _, says, code := f.run(built.present, "status", "--app", "app1"); code != 1 || !strings.Contains(says, "update it") {
		t.Errorf("status of what only a newer one can read ended with %d: %s", code, says)
	}
	f.must(built.present, "status", "--app", "app2")
	f.must(built.present, "apps")

	f.start(built.next, nil, "worker")
	f.stop(present)
	harness.Await(f.t, "all is done", func() error {
		out, says, code := f.run(built.next, "status", "--app", "app1")
		if code != 0 || strings.Count(out, " Done ") != 3 {
			return fmt.Errorf("%d: %s%s", code, out, says)
		}
		return nil
	})
	f.nothingGivenUp()
}

// idle returns nil once no task is pending, active, scheduled or to be retried.
func (f *fixture) idle() error {
	inspector := asynq.NewInspectorFromRedisClient(f.rdb)
	for _, queue := range []string{tasks.QueueDomains, tasks.QueueLists, tasks.QueueSSL} {
		info, err := inspector.GetQueueInfo(queue)
		if err != nil {
			return err
		}
		if n := info.Pending + info.Active + info.Scheduled + info.Retry; n > 0 {
			return fmt.Errorf("queue %s has %d tasks", queue, n)
		}
	}
	return nil
}
