package test

import (
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
)

// theTrial runs what --env-file try.env starts, with nothing else set and nothing changed.
func theTrial(t *testing.T, image string) {
	project, err := load(t, nil, tryFile)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, image, project)
	redis := w.begin()
	simulator := w.container("simulator", 1)
	simulator.start()
	simulator.awaitHealthy()
	worker := w.container("try-worker", 1)
	if dependency := worker.s.DependsOn["simulator"]; dependency.Condition != types.ServiceConditionHealthy {
		t.Errorf("the worker starts when the simulator is %q, and reads a file of it then", dependency.Condition)
	}
	worker.start()
	worker.awaitHealthy()
	out := worker.must("/pilotsync", "enqueue", "add", "shop.example.com", "--app=app1", "--wait")
	if !strings.Contains(out, "done") {
		t.Errorf("it ends with:\n%s", out)
	}
	worker.stop()
	simulator.stop()
	redis.stop()
}
