package enqueue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"pilotsync/tasks"
)

// answer has asynq's server answer checks as a worker does, but those of silent.example.com.
func answer(t *testing.T, rdb redis.UniversalClient) {
	t.Helper()
	server := asynq.NewServerFromRedisClient(rdb, asynq.Config{Queues: map[string]int{tasks.QueueChecks: 1}, LogLevel: asynq.FatalLevel, TaskCheckInterval: 10 * time.Millisecond})
	if err := server.Start(asynq.HandlerFunc(func(_ context.Context, task *asynq.Task) error {
		c, err := tasks.Decode[tasks.Check](task.Payload())
		if err != nil || c.Domain == "silent.example.com" {
			return err
		}
		result, err := json.Marshal(tasks.CheckResult{Domain: c.Domain, OK: true, Cause: tasks.Cause{Code: tasks.CauseWouldWork, Params: tasks.Params{Name: c.Domain, By: c.By}}})
		if err != nil {
			return err
		}
		_, err = task.ResultWriter().Write(result)
		return err
	})); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Shutdown)
}

func TestACheckReturnsTheWorkersResults(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		rdb := connect(t, url)
		answer(t, rdb)
		results, err := New(rdb).Check(t.Context(), "anna", Target{"app1", "b.example.com"}, Target{"app2", "München.de"}, Target{"app1", "b.example.com"})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range results {
			got = append(got, fmt.Sprint(r.Domain, " ", r.Code, " ", r.Params.By, " ", r.OK))
		}
		want := []string{"b.example.com WouldWork anna true", "xn--mnchen-3ya.de WouldWork anna true", "b.example.com WouldWork anna true"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestEqualChecksAreOneTask(t *testing.T) {
	t.Parallel()
	client, mini, rdb := setup(t)
	mini.SetTime(clock)
	for i := range 3 {
		checks, err := validateChecks(fmt.Sprint("operator", i), []Target{{"app1", "a.example.com"}, {"app1", "b.example.com"}})
		if err != nil {
			t.Fatal(err)
		}
		if err := client.enqueueChecks(t.Context(), checks); err != nil {
			t.Fatal(err)
		}
	}
	waiting, err := asynq.NewInspectorFromRedisClient(rdb).ListPendingTasks(tasks.QueueChecks)
	if err != nil || len(waiting) != 2 {
		t.Fatalf("%d tasks wait, %v", len(waiting), err)
	}
	info := waiting[0]
	if info.MaxRetry != CheckMaxRetry || info.Timeout != tasks.CheckTimeout || info.Retention != tasks.CheckRetention {
		t.Errorf("the task is %+v", info)
	}
}

func TestAMissingResultIsNamedAndTheOthersAreThere(t *testing.T) {
	t.Parallel()
	client, _, rdb := setup(t)
	answer(t, rdb)
	targets := []Target{{"app1", "a.example.com"}, {"app1", "silent.example.com"}}
	for { // on a busy machine the first result may take a while
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		results, err := client.Check(ctx, "", targets...)
		cancel()
		if !errors.Is(err, ErrNoResult) {
			t.Fatalf("%+v, %v", results, err)
		}
		if results[0].OK {
			if results[1].Code != "" || !strings.Contains(err.Error(), "silent.example.com") || strings.Contains(err.Error(), "a.example.com,") {
				t.Errorf("%+v, %v", results, err)
			}
			return
		}
	}
}

func TestAnInvalidCheckAsksNothing(t *testing.T) {
	t.Parallel()
	client, mini, _ := setup(t)
	many := make([]Target, tasks.MaxChecks+1)
	for i := range many {
		many[i] = Target{"app1", fmt.Sprint("n", i, ".example.com")}
	}
	for name, test := range map[string]struct {
		by      string
		targets []Target
		says    string
	}{
		"a name":           {"", []Target{{"app1", "a.example.com"}, {"app1", "a/b"}}, "domain 2 of 2"},
		"an app":           {"", []Target{{"a/b", "a.example.com"}}, "app_id"},
		"an operator":      {"a\nb", []Target{{"app1", "a.example.com"}}, "by is"},
		"too many domains": {"", many, "at most 50"},
	} {
		if _, err := client.Check(t.Context(), test.by, test.targets...); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if results, err := client.Check(t.Context(), ""); len(results) != 0 || err != nil {
		t.Errorf("no domain: %v, %v", results, err)
	}
	if keys := mini.Keys(); len(keys) != 0 {
		t.Errorf("keys: %v", keys)
	}
}

func TestACheckWithoutRedisIsUnavailable(t *testing.T) {
	t.Parallel()
	client, mini, _ := setup(t)
	mini.Close()
	if _, err := client.Check(t.Context(), "", Target{"app1", "a.example.com"}); !errors.Is(err, ErrUnavailable) {
		t.Error(err)
	}
}
