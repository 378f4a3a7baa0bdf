package worker_test

import (
	"strings"
	"testing"

	"pilotsync/internal/simulator"
	"pilotsync/worker/operator"
)

func TestAnOperatorGetsClearErrors(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{})
	byHand := operator.New(f.rdb)
	for name, test := range map[string]struct {
		do   func() error
		want string
	}{
		"without an operator": {func() error { return byHand.Pause(t.Context(), "app1", "") }, "by is empty"},
		"an odd name pauses":  {func() error { return byHand.Pause(t.Context(), "app1", "a\n") }, "it takes a name of at most 64 characters"},
		"an unknown app sync": {func() error { return byHand.Sync(t.Context(), "app1") }, "app app1 isn't known"},
	} {
		if err := test.do(); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v; want %s", name, err, test.want)
		}
	}
	if app, err := f.ledger.App(t.Context(), "app1"); err != nil || app.Paused != "" || app.Awake {
		t.Errorf("something was done all the same: %+v, %v", app, err)
	}
}
