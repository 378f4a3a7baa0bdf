package worker_test

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/worker"
)

// sentCommands counts the commands that a worker sends for an app. They have one of its keys,
// or keys of its tasks, of its account's rate or of the agenda.
type sentCommands struct {
	every bool // all others, too

	mu  sync.Mutex
	all []string
}

// DialHook, ProcessHook and ProcessPipelineHook implement [redis.Hook].
func (s *sentCommands) DialHook(next redis.DialHook) redis.DialHook { return next }

func (s *sentCommands) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		if err == nil { // a poll of an empty queue, or a script that Redis doesn't know yet
			s.add(cmd)
		}
		return err
	}
}

func (s *sentCommands) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		err := next(ctx, cmds)
		if !redis.HasErrorPrefix(err, "NOSCRIPT") {
			s.add(cmds...)
		}
		return err
	}
}

func (s *sentCommands) add(cmds ...redis.Cmder) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, cmd := range cmds {
		args := cmd.Args()
		if strings.HasPrefix(cmd.Name(), "eval") && len(args) > 3 {
			args = args[3:] // the first key
		}
		s.all = append(s.all, cmd.Name()+" "+strings.Trim(fmt.Sprint(args[:min(len(args), 2)]), "[]"))
	}
}

// take returns the commands since it was last called, without those that an idle worker sends.
func (s *sentCommands) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	idle := regexp.MustCompile(`asynq:\{\w+\}:(scheduled|retry|completed|lease|aggregation_sets)|asynq:(servers|workers|queues)|asynq:\{(domains|lists|checks|events)\}|` +
		`^(ping|hello|client|time|lrange|zscan|exists|subscribe)|pilotsync:(strays|workers|ledger|recoverer|sweep)`)
	all := s.all
	s.all = nil
	if s.every {
		return all
	}
	return slices.DeleteFunc(all, idle.MatchString)
}

func TestARecheckTakesFewCommands(t *testing.T) {
	t.Parallel()
	f, server := setupWithClock(t, simulator.Options{})
	f.maintenance = time.Hour // the test makes each maintenance itself, so that none comes in between
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr(), ReadTimeout: time.Minute})
	t.Cleanup(func() { rdb.Close() })
	sent := &sentCommands{}
	rdb.AddHook(sent)
	cfg := f.config("app1")
	cfg.Redis, cfg.APIRate, cfg.Reconcile = rdb, 1000, worker.ReconcileOff
	w, _ := f.run(cfg)
	f.add("app1", "shop.example.com")
	f.awaitState("app1", "shop.example.com", tasks.Done)
	for day := 1; day <= 3; day++ {
		before := f.view("app1", "shop.example.com").Record.RecheckAt
		sent.take()
		server.SetTime(time.Now().Add(time.Duration(day) * 27 * time.Hour))
		if err := w.Maintain(t.Context()); err != nil {
			t.Fatal(err)
		}
		f.await("it is rechecked", func() bool {
			return f.view("app1", "shop.example.com").Record.RecheckAt.After(*before) && f.rdb.LLen(t.Context(), "asynq:{ssl}:active").Val() == 0
		})
		if all := sent.take(); len(all) > 15 || len(all) < 8 {
			t.Errorf("recheck %d takes %d commands:\n%s", day, len(all), strings.Join(all, "\n"))
		}
	}
}

// The first pass reads each app by one command, and its summary for readers by another. A pass
// without work reads none.
func TestAPassWithoutWorkIsTheSameForManyApps(t *testing.T) {
	t.Parallel()
	first, idle := map[int]int{}, map[int]int{}
	const few, many = 1, 300
	for _, apps := range []int{few, many} {
		f, server := setupWithClock(t, simulator.Options{})
		sent := &sentCommands{every: true}
		rdb := redis.NewClient(&redis.Options{Addr: server.Addr(), ReadTimeout: time.Minute})
		t.Cleanup(func() { rdb.Close() })
		rdb.AddHook(sent)
		var served []string
		for i := range apps {
			app := fmt.Sprintf("app%d", i)
			served = append(served, app)
			f.rdb.SAdd(t.Context(), "pilotsync:apps", app)
			f.rdb.HSet(t.Context(), "pilotsync:{"+app+"}:sync", "wake", 1)
		}
		cfg := f.config(served...)
		cfg.Redis = rdb
		wk, err := worker.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		server.SetTime(time.Now()) // no app's hour begins meanwhile
		maintain := func() int {
			t.Helper()
			f.rdb.Del(t.Context(), "pilotsync:recoverer")
			sent.take()
			if err := wk.Maintain(t.Context()); err != nil {
				t.Fatal(err)
			}
			return len(sent.take())
		}
		first[apps] = maintain()
		maintain() // the second loads the last scripts
		idle[apps] = maintain()
	}
	if idle[many] != idle[few] || idle[few] == 0 {
		t.Errorf("a pass without work sends %d commands with %d apps, %d with %d", idle[many], many, idle[few], few)
	}
	if each := float64(first[many]-first[few]) / (many - few); each > 1.1 {
		t.Errorf("the first pass sends %.2f commands an app", each)
	}
}
