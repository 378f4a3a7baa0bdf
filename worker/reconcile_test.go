package worker_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/hibiken/asynq"
	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"

	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/worker"
)

// hourPasses advances Redis's clock by more than an hour, so the next maintenance of a worker
// reconciles each app.
func hourPasses(server *miniredis.Miniredis) { server.SetTime(time.Now().Add(65 * time.Minute)) }

// setupWithClock is setup with a Redis whose clock the test sets.
func setupWithClock(t *testing.T, opt simulator.Options) (*fixture, *miniredis.Miniredis) {
	t.Helper()
	sim, err := simulator.Start(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	server := miniredis.RunT(t)
	return setupOn(t, sim, server.Addr()), server
}

func TestANameRemovedByHandComesBackWithinTheHour(t *testing.T) {
	t.Parallel()
	f, server := setupWithClock(t, simulator.Options{})
	f.maintenance = time.Second
	f.start(f.config("app1"))
	f.add("app1", "shop.example.com")
	f.awaitState("app1", "shop.example.com", tasks.Done)
	if err := f.sim.EditByHand("app1", func([]string) []string { return []string{"hand.example.net"} }); err != nil {
		t.Fatal(err)
	}
	hourPasses(server)
	f.await("the names are back", func() bool {
		return slices.Equal(f.sim.List("app1"), []string{"hand.example.net", "shop.example.com", "www.shop.example.com"})
	})
	f.await("the history says so", func() bool {
		history, err := f.ledger.History(t.Context(), "app1", "shop.example.com")
		return err == nil && strings.HasPrefix(history[0].Reason, "put back")
	})
	if v := f.view("app1", "shop.example.com"); v.State != tasks.Done {
		t.Errorf("the domain is %s", v.State)
	}
}

func TestManyWorkersMakeOneReconciliationAnHour(t *testing.T) {
	t.Parallel()
	f, server := setupWithClock(t, simulator.Options{})
	f.maintenance = time.Second
	for range 3 {
		f.start(f.config("app1"))
	}
	f.add("app1", "shop.example.com")
	f.awaitState("app1", "shop.example.com", tasks.Done)
	inspector := asynq.NewInspectorFromRedisClient(f.rdb)
	hourPasses(server)
	f.await("the list was compared", func() bool { return len(reconcileTasks(t, inspector)) > 0 })
	if ids := reconcileTasks(t, inspector); len(ids) > 2 { // two where an hour began meanwhile
		t.Errorf("reconciliations of one hour: %v", ids)
	}
}

// reconcileTasks returns the hourly tasks so far.
func reconcileTasks(t *testing.T, inspector *asynq.Inspector) []string {
	t.Helper()
	done, err := inspector.ListCompletedTasks(tasks.QueueLists)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, task := range done {
		if strings.Contains(task.ID, ":hour:") {
			ids = append(ids, task.ID)
		}
	}
	return ids
}

func TestAReportOnlySaysWhatASyncWouldChange(t *testing.T) {
	t.Parallel()
	f, server := setupWithClock(t, simulator.Options{})
	f.maintenance = time.Second
	cfg := f.config("app1")
	cfg.Reconcile = worker.Report
	heard := logtest.NewLocal(cfg.Log)
	f.start(cfg)
	f.add("app1", "shop.example.com")
	f.awaitState("app1", "shop.example.com", tasks.Done)
	if err := f.sim.EditByHand("app1", func([]string) []string { return []string{"hand.example.net"} }); err != nil {
		t.Fatal(err)
	}
	hourPasses(server)
	f.await("the log says what is missing", func() bool {
		return slices.ContainsFunc(heard.AllEntries(), func(e *logrus.Entry) bool {
			return e.Level == logrus.WarnLevel && strings.Contains(e.Message, "missing [shop.example.com, www.shop.example.com], too many []")
		})
	})
	if list := f.sim.List("app1"); !slices.Equal(list, []string{"hand.example.net"}) {
		t.Errorf("the list is %v", list)
	}
}

func TestADomainWithLateDNSGetsItsCertificateByItself(t *testing.T) {
	t.Parallel()
	f, server := setupWithClock(t, simulator.Options{})
	// The recheck must come after the certificate: a verification that it restarts would be
	// due only by the clock of Redis.
	f.maintenance = 5 * time.Second
	f.start(f.config("app1"))
	f.add("app1", "nodns.example.com")
	f.awaitState("app1", "nodns.example.com", tasks.Failed)
	f.sim.SetBehaviour("nodns.example.com", simulator.Behaviour{})
	f.sim.SetBehaviour("www.nodns.example.com", simulator.Behaviour{})
	server.SetTime(time.Now().Add(25 * time.Hour))
	f.awaitState("app1", "nodns.example.com", tasks.Done)
}
