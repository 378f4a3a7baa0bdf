package worker

import (
	"context"
	"sync"
	"time"
)

// shared is something that is read at most once at a time and then good for a
// while, however many ask for it: a scrape mustn't cost Redis more because there
// are several Prometheus servers, or a person with a browser.
type shared[T any] struct {
	read func(context.Context) (T, error)
	// fresh is how long what was read is good for; limit ends the waiting for it.
	fresh, limit time.Duration

	mu    sync.Mutex
	under chan struct{} // closed once the reading under way has ended; nil if none is
	value T
	err   error
	at    time.Time
}

// get returns what was read, or the error of the reading. It returns within
// limit: what is read with asynq's inspector can't be called off, so it is left to
// end by itself.
func (s *shared[T]) get(ctx context.Context) (T, error) {
	s.mu.Lock()
	if s.under == nil && time.Since(s.at) < s.fresh {
		defer s.mu.Unlock()
		return s.value, s.err
	}
	if s.under == nil {
		s.under = make(chan struct{})
		go s.refresh(context.WithoutCancel(ctx), s.under)
	}
	under := s.under
	s.mu.Unlock()

	limited, cancel := context.WithTimeout(ctx, s.limit)
	defer cancel()
	select {
	case <-under:
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.value, s.err
	case <-limited.Done():
		var none T
		return none, limited.Err()
	}
}

func (s *shared[T]) refresh(ctx context.Context, under chan struct{}) {
	ctx, cancel := context.WithTimeout(ctx, s.limit)
	defer cancel()
	value, err := s.read(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.value, s.err, s.at, s.under = value, err, time.Now(), nil
	close(under)
}
