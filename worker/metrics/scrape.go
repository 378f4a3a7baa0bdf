package metrics

import (
	"context"
	"time"

	"pilotsync/internal/cache"
)

const (
	// scrapeAge is how long what a scrape read is good for.
	scrapeAge = time.Second
	// scrapeTimeout is well within the 10 s that Prometheus waits by default.
	scrapeTimeout = 4 * time.Second
)

// scraped is read at most once at a time and is then good for a while: several Prometheus
// servers, or a person with a browser, must not cost Redis more.
type scraped[T any] struct {
	cache cache.Cache[struct{}, T]
	read  func(context.Context) (T, error)
}

func newScraped[T any](read func(context.Context) (T, error)) *scraped[T] {
	return &scraped[T]{read: read, cache: cache.Cache[struct{}, T]{MaxAge: scrapeAge, Timeout: scrapeTimeout, KeepErrors: true}}
}

// get returns what was read, or the error of the read. It returns within scrapeTimeout:
// asynq's inspector can't be canceled, so a read may outlast that.
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
