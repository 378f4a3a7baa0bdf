package worker_test

import (
	"testing"

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
