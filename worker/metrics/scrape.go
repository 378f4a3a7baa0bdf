package metrics

import (
	"context"
	"time"

	"pilotsync/internal/cache"
)

const (
	// scrapeAge is how long the values of a scrape are used again.
	scrapeAge = time.Second
	// scrapeTimeout is well below the 10 s that Prometheus waits by default.
	scrapeTimeout = 4 * time.Second
)

// scraped shares one read among concurrent scrapes and keeps it for a while, so several
// Prometheus servers cost Redis no more than one.
type scraped[T any] struct {
	cache cache.Cache[struct{}, T]
	read  func(context.Context) (T, error)
}

func newScraped[T any](read func(context.Context) (T, error)) *scraped[T] {
	return &scraped[T]{read: read, cache: cache.Cache[struct{}, T]{MaxAge: scrapeAge, Timeout: scrapeTimeout, KeepErrors: true}}
}

// get returns the values or the error of a read. It returns within scrapeTimeout, although
// the read may take longer: asynq's inspector can't be canceled.
func (s *scraped[T]) get() (T, error) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	return s.cache.Get(ctx, struct{}{}, s.read)
}

func unixSeconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

func boolValue(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
