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

// hourPasses puts Redis's clock on by an hour and a bit, so that each app's turn
// comes with the next look of a worker.
func hourPasses(server *miniredis.Miniredis) { server.SetTime(time.Now().Add(65 * time.Minute)) }

// setupWithClock is setup with a Redis whose clock the test sets.
func setupWithClock(t *testing.T, opt simulator.Options) (*world, *miniredis.Miniredis) {
	t.Helper()
	sim, err := simulator.Start(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	server := miniredis.RunT(t)
	return setupOn(t, sim, server.Addr()), server
}

func TestWhatSomebodyTookOffTheListComesBackWithinTheHour(t *testing.T) {
	t.Parallel()
	w, server := setupWithClock(t, simulator.Options{})
	w.maintenance = time.Second
	w.start(w.config("app1"))
	w.add("app1", "shop.example.com")
	w.awaitState("app1", "shop.example.com", tasks.Done)
	if err := w.sim.EditByHand("app1", func([]string) []string { return []string{"hand.example.net"} }); err != nil {
		t.Fatal(err)
	}
	hourPasses(server)
	w.await("the names are back", func() bool {
		return slices.Equal(w.sim.List("app1"), []string{"hand.example.net", "shop.example.com", "www.shop.example.com"})
	})
	w.await("the history says so", func() bool {
		history, err := w.ledger.History(t.Context(), "app1", "shop.example.com")
		return err == nil && strings.HasPrefix(history[0].Reason, "put back")
	})
	if v := w.view("app1", "shop.example.com"); v.State != tasks.Done {
		t.Errorf("the domain is %s", v.State)
	}
}

func TestManyWorkersMakeOneLookAnHour(t *testing.T) {
	t.Parallel()
	w := setup(t, simulator.Options{})
	for range 3 {
		w.start(w.config("app1"))
	}
	w.add("app1", "shop.example.com")
	w.awaitState("app1", "shop.example.com", tasks.Done)
	inspector := asynq.NewInspectorFromRedisClient(w.rdb)
	w.await("the look is made", func() bool { return len(looks(t, inspector)) > 0 })
	if ids := looks(t, inspector); len(ids) > 2 { // two where an hour began meanwhile
		t.Errorf("looks of one hour: %v", ids)
	}
}

// looks are the hourly tasks that were made.
func looks(t *testing.T, inspector *asynq.Inspector) []string {
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

func TestAReportChangesNothingAndSaysWhatASyncWould(t *testing.T) {
	t.Parallel()
	w, server := setupWithClock(t, simulator.Options{})
	w.maintenance = time.Second
	cfg := w.config("app1")
	cfg.Reconcile = worker.Report
	heard := logtest.NewLocal(cfg.Log)
	w.start(cfg)
	w.add("app1", "shop.example.com")
	w.awaitState("app1", "shop.example.com", tasks.Done)
	if err := w.sim.EditByHand("app1", func([]string) []string { return []string{"hand.example.net"} }); err != nil {
		t.Fatal(err)
	}
	hourPasses(server)
	w.await("the log says what is missing", func() bool {
		return slices.ContainsFunc(heard.AllEntries(), func(e *logrus.Entry) bool {
			return e.Level == logrus.WarnLevel && strings.Contains(e.Message, "missing [shop.example.com, www.shop.example.com], too many []")
		})
	})
	if list := w.sim.List("app1"); !slices.Equal(list, []string{"hand.example.net"}) {
		t.Errorf("the list is %v", list)
	}
}

func TestADomainWhoseDNSComesADayLateGetsItsCertificateByItself(t *testing.T) {
	t.Parallel()
	w, server := setupWithClock(t, simulator.Options{})
	// The recheck must come after the certificate: a verification that it restarts would be
	// due only by the clock of Redis.
	w.maintenance = 5 * time.Second
	w.start(w.config("app1"))
	w.add("app1", "nodns.example.com")
	w.awaitState("app1", "nodns.example.com", tasks.Failed)
	w.sim.SetBehaviour("nodns.example.com", simulator.Behaviour{})
	w.sim.SetBehaviour("www.nodns.example.com", simulator.Behaviour{})
	server.SetTime(time.Now().Add(25 * time.Hour))
	w.awaitState("app1", "nodns.example.com", tasks.Done)
}
