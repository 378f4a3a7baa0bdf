package worker

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestWhatIsSharedIsReadOnceForAllWhoAskTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var reads atomic.Int32
		s := &shared[int32]{fresh: time.Second, limit: 4 * time.Second, read: func(context.Context) (int32, error) {
			time.Sleep(100 * time.Millisecond) // of the bubble's own clock
			return reads.Add(1), nil
		}}
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				if n, err := s.get(t.Context()); n != 1 || err != nil {
					t.Errorf("got %d (%v), want that of the first reading", n, err)
				}
			})
		}
		all.Wait()
		if n, _ := s.get(t.Context()); n != 1 {
			t.Error("it was read again within a second")
		}
		time.Sleep(time.Second)
		if n, _ := s.get(t.Context()); n != 2 {
			t.Error("it was not read again after a second")
		}
	})
}

func TestNobodyWaitsLongerThanTheLimitForWhatIsShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var reads atomic.Int32
		s := &shared[int]{fresh: time.Second, limit: 4 * time.Second, read: func(context.Context) (int, error) {
			reads.Add(1)
			time.Sleep(time.Minute) // whatever its context says, as asynq's inspector does
			return 7, nil
		}}
		for range 3 {
			began := time.Now()
			if _, err := s.get(t.Context()); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 4*time.Second {
				t.Errorf("got %v after %s", err, time.Since(began))
			}
		}
		if n := reads.Load(); n != 1 {
			t.Errorf("%d readings are under way at once", n)
		}
		time.Sleep(48*time.Second + time.Millisecond)
		if n, err := s.get(t.Context()); n != 7 || err != nil {
			t.Errorf("got %d (%v), want what the reading gave in the end", n, err)
		}
	})
}
