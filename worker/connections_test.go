package worker_test

import (
	"errors"
	"testing"
	"time"

	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/worker"
)

func TestAnOutageOfRedisIsAnErrorOfTheConnections(t *testing.T) {
	t.Parallel()
	f, server := setupWithClock(t, simulator.Options{})
	stop := f.start(f.config("app1"))
	f.add("app1", "shop.example.com")
	f.awaitState("app1", "shop.example.com", tasks.Done)
	stop()
	w, err := worker.New(f.config("app1"))
	if err != nil {
		t.Fatal(err)
	}
	w.SetMaintenanceInterval(1) // each record is too old at once
	if err := w.AskServerPilot(t.Context()); err != nil {
		t.Fatal(err)
	}
	server.SetError("WRONGPASS invalid username-password pair or user is disabled.")
	if err := w.AskServerPilot(t.Context()); err == nil {
		t.Error("the outage is no error")
	}
	server.SetError("")
}

// Syncs after the loss record the apps' server, but not that it isn't connected.
func TestADisconnectedServerIsRecordedAgainAfterALoss(t *testing.T) {
	t.Parallel()
	f, server := setupWithClock(t, simulator.Options{Apps: []simulator.App{{ID: "app1"}, {ID: "app2"}}, LastConn: time.Now().Add(-time.Hour)})
	w, err := worker.New(f.config("app1", "app2"))
	if err != nil {
		t.Fatal(err)
	}
	w.SetMaintenanceInterval(1) // each record is too old at once
	for _, when := range []string{"at first", "after the loss"} {
		server.FlushAll()
		for _, app := range []string{"app1", "app2"} {
			_, err := f.ledger.Wake(t.Context(), app)
			if err := errors.Join(err, f.ledger.RecordAppDetails(t.Context(), app, "server1", nil)); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(w.Maintain(t.Context()), w.AskServerPilot(t.Context())); err != nil {
			t.Fatal(err)
		}
		states, err := f.ledger.AppStates(t.Context())
		if err != nil || len(states) != 2 || !states[0].Disconnected() || !states[1].Disconnected() {
			t.Errorf("%s the apps are %+v (%v), want both disconnected", when, states, err)
		}
	}
}
