//go:build faults

package faults

import (
	"fmt"
	"testing"
	"time"

	"pilotsync/internal/simulator"
)

// A worker is killed at each step of a write, and another one has to detect that and finish. The
// step's request may have taken effect or not when the worker dies: hence the two stages of each.
func TestAWorkerKilledAtAnyStepOfAWriteLosesNothing(t *testing.T) {
	t.Parallel()
	redis := func(name string) func(*testing.T) func([]byte) bool {
		return func(t *testing.T) func([]byte) bool { return script(t, name) }
	}
	is := func(match func([]byte) bool) func(*testing.T) func([]byte) bool {
		return func(*testing.T) func([]byte) bool { return match }
	}
	const api = true
	for _, step := range []struct {
		name   string
		api    bool // a request to the API, else to Redis
		match  func(*testing.T) func([]byte) bool
		stages []stage
	}{
		{"recording the change", !api, redis("record"), []stage{unsent, answered}},
		{"enqueueing the sync", !api, is(putsSync), []stage{unsent}},
		{"acquiring the lease", !api, redis("acquire"), []stage{answered}},
		{"reading the list", api, is(listRead), []stage{answered}},
		{"recording the write", !api, redis("begin_write"), []stage{unsent, answered}},
		{"writing the list", api, is(listWrite), []stage{unsent, received, answered}},
		{"enqueueing the verification", !api, is(putsVerification), []stage{unsent, answered}},
		{"committing", !api, redis("commit"), []stage{unsent, answered}},
		{"releasing the lease", !api, redis("release"), []stage{unsent, answered}},
	} {
		for _, stage := range step.stages {
			t.Run(fmt.Sprintf("%s, %s", step.name, stage), func(t *testing.T) {
				t.Parallel()
				f := newFixture(t, simulator.Options{Apps: []simulator.App{appWithDomains("app1")}, Latency: 500 * time.Millisecond})
				onRedis, redisURL := f.tapRedis()
				onAPI, apiURL := f.tapAPI()
				at := onRedis
				if step.api {
					at = onAPI
				}
				trap := at.hold(stage, step.match(t))
				victim := f.worker(redisURL, apiURL)
				f.add("app1", "one.example.com", "two.example.com", "three.example.com")
				trap.await(t)
				victim.Kill()
				death := time.Now()
				f.worker()
				f.awaitSettled()
				t.Logf("settled %s after the death", time.Since(death).Round(100*time.Millisecond))
				f.check()
				f.checkAddedOnce("app1")
			})
		}
	}
}
