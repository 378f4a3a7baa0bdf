package taskerr

import (
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/hibiken/asynq"

	"pilotsync/tasks"
)

// since are the headers of a task that has been retried for a time, as worker/message notes them.
func since(retried time.Duration) map[string]string {
	return map[string]string{"pilotsync-retried-since": strconv.FormatInt(time.Now().Add(-retried).Unix(), 10)}
}

func TestATaskForAnotherWorkerWaitsEverLonger(t *testing.T) {
	t.Parallel()
	newer := Undecodable(fmt.Errorf("read: %w", tasks.ErrNewer))
	for _, c := range []struct {
		err         error
		retried     time.Duration
		least, most time.Duration
		archived    bool
	}{
		{newer, 0, newerDelay, 7 * time.Second, false},
		{newer, time.Hour, 7 * time.Minute, 8 * time.Minute, false},
		{newer, 24 * time.Hour, maxWaitDelay, maxWaitDelay + time.Second, false},
		{newer, maxWait + time.Minute, maxWaitDelay, maxWaitDelay + time.Second, true},
		{WaitForWorker(time.Minute, errors.New("unserved")), 0, time.Minute, 61 * time.Second, false},
		{WaitForWorker(time.Minute, errors.New("unserved")), 10 * maxWait, maxWaitDelay, maxWaitDelay + time.Second, false},
		{WaitForWorker(0, errors.New("unserved")), 0, Soon, 2 * time.Second, false},
		{errors.New("WRONGTYPE"), 0, time.Second, 2 * time.Second, false},
		{errors.New("WRONGTYPE"), time.Hour, MaxBackoff, MaxBackoff + time.Second, false},
	} {
		headers := since(c.retried)
		if got := RetryDelay(0, c.err, asynq.NewTaskWithHeaders("t", nil, headers)); got < c.least || got > c.most {
			t.Errorf("%v, retried for %s: retried after %s, want %s to %s", c.err, c.retried, got, c.least, c.most)
		}
		if err := GiveUp(c.err, headers); errors.Is(err, asynq.SkipRetry) != c.archived || !errors.Is(err, c.err) {
			t.Errorf("%v, retried for %s: %v", c.err, c.retried, err)
		}
		if IsFailure(c.err) {
			t.Errorf("%v counts as a failure", c.err)
		}
	}
	if GiveUp(nil, since(2*maxWait)) != nil {
		t.Error("a success is given up")
	}
}
