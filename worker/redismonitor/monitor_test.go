package redismonitor

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/sirupsen/logrus"

	"pilotsync/test/harness"
)

func newMonitor(t *testing.T, log io.Writer) (*Monitor, *miniredis.Miniredis) {
	t.Helper()
	mini := miniredis.RunT(t)
	rdb := redis.NewClient(&redis.Options{Addr: mini.Addr(), MaxRetries: -1})
	t.Cleanup(func() { rdb.Close() })
	logger := logrus.New()
	logger.SetOutput(log)
	return New(rdb, logrus.NewEntry(logger)), mini
}

// recheck is a check that doesn't take the answer of the one before.
func recheck(m *Monitor) error {
	m.mu.Lock()
	m.checkedAt = time.Time{}
	m.mu.Unlock()
	return m.Check(context.Background())
}

func TestThatRedisIsAwayIsLoggedOnce(t *testing.T) {
	t.Parallel()
	var log harness.Log
	m, mini := newMonitor(t, &log)
	if err := recheck(m); err != nil || log.String() != "" {
		t.Fatalf("%v, %s", err, log.String())
	}
	mini.SetError("LOADING Redis is loading the dataset in memory")
	for range 3 {
		if err := recheck(m); err == nil {
			t.Error("Redis is said to answer")
		}
	}
	if !m.Down(t.Context()) {
		t.Error("Redis isn't said to be down")
	}
	if n := strings.Count(log.String(), "Redis is unavailable"); n != 1 {
		t.Errorf("it was logged %d times:\n%s", n, log.String())
	}
	mini.SetError("")
	if err := recheck(m); err != nil || !strings.Contains(log.String(), "Redis is back") {
		t.Errorf("%v:\n%s", err, log.String())
	}
}

// Its own end must not make a worker say that Redis is unavailable.
func TestACheckThatIsCanceledSaysNothingOfRedis(t *testing.T) {
	t.Parallel()
	var log harness.Log
	m, mini := newMonitor(t, &log)
	mini.SetError("LOADING Redis is loading the dataset in memory")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := m.Check(ended); err != nil || log.String() != "" {
		t.Errorf("%v, %s", err, log.String())
	}
}

func TestARefusedWorkerDoesNotWait(t *testing.T) {
	t.Parallel()
	var log harness.Log
	m, mini := newMonitor(t, &log)
	mini.RequireAuth("secret")
	if err := m.Await(t.Context()); !errors.Is(err, ErrRefused) {
		t.Errorf("got %v", err)
	}
	if log.String() != "" {
		t.Errorf("it is logged, too: %s", log.String())
	}
}

func TestAMonitorThatNoLongerTurnsHangs(t *testing.T) {
	t.Parallel()
	m, _ := newMonitor(t, io.Discard)
	if err := m.Alive(); err != nil {
		t.Errorf("before its start: %v", err)
	}
	m.recordPass()
	if err := m.Alive(); err != nil {
		t.Errorf("after a pass: %v", err)
	}
	long := time.Now().Add(-hangLimit - time.Second)
	m.lastPass.Store(&long)
	if err := m.Alive(); err == nil || !strings.Contains(err.Error(), "the worker hangs") {
		t.Errorf("more than %s after its last pass: %v", hangLimit, err)
	}
}

func TestLinesOfAsynqThatNeedNoActionAreForDebugging(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]bool{
		"Retry exhausted for task id=1": true,
		"recoverer: could not retry lease expired task: NOT_FOUND: redis eval error: NOT FOUND":   true,
		"recoverer: could not retry lease expired task: UNKNOWN: redis eval error: NOPERM no key": false,
		"Failed to write server state data": false,
	} {
		if got := isHarmless(line); got != want {
			t.Errorf("%q: %v", line, got)
		}
	}
}
