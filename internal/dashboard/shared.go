package dashboard

import (
	"context"
	"slices"
	"sync"
	"time"

	"pilotsync/internal/cache"
	"pilotsync/worker/ledger"
)

// sharedFor is how long pages use what another page read, while a stream is open.
const sharedFor = time.Second

// freshness says how old a read may be that a page uses. All viewers of a dashboard load their page
// after a message of the stream, so they share the reads. The hub reads again each second; a change
// after a page's read gets a message, and the page is loaded again.
type freshness struct {
	mu      sync.Mutex
	streams int
	// What began before these times may lack what a message of the stream was about, or what an
	// operator did. The hub itself shares its reads of the queues.
	ledger, queues time.Time
}

// sinceOf returns when a read must have begun, or later; changed is one of the times.
func (f *freshness) sinceOf(changed *time.Time) time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	if f.streams == 0 {
		return now // without a stream no message says what has changed
	}
	if oldest := now.Add(-sharedFor); oldest.After(*changed) {
		return oldest
	}
	return *changed
}

// change makes pages read again what was read before these times.
func (f *freshness) change(ledger, queues time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ledger, f.queues = ledger, queues
}

// stream adds to the number of open streams.
func (f *freshness) stream(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.streams += n
}

// sharedReads has one kind of read.
type sharedReads[V any] struct {
	cache cache.Cache[int, V]
	since func() time.Time
}

func newSharedReads[V any](ctx context.Context, since func() time.Time) *sharedReads[V] {
	return &sharedReads[V]{since: since, cache: cache.Cache[int, V]{Timeout: readLimit, Base: ctx, MaxEntries: 10}}
}

func (s *sharedReads[V]) get(ctx context.Context, key int, read func(context.Context) (V, error)) (V, error) {
	return s.cache.GetSince(ctx, key, s.since(), read)
}

// sharedLedger shares the reads of all apps.
type sharedLedger struct {
	Reader
	apps    *sharedReads[[]ledger.App]
	latest  *sharedReads[[]ledger.View]
	workers *sharedReads[[]ledger.Worker]
	loss    *sharedReads[ledger.Loss]
}

func newSharedLedger(ctx context.Context, r Reader, fresh *freshness) *sharedLedger {
	since := func() time.Time { return fresh.sinceOf(&fresh.ledger) }
	return &sharedLedger{Reader: r, apps: newSharedReads[[]ledger.App](ctx, since), latest: newSharedReads[[]ledger.View](ctx, since),
		workers: newSharedReads[[]ledger.Worker](ctx, since), loss: newSharedReads[ledger.Loss](ctx, since)}
}

func (s *sharedLedger) AppStates(ctx context.Context, ids ...string) ([]ledger.App, error) {
	if len(ids) > 0 {
		return s.Reader.AppStates(ctx, ids...)
	}
	apps, err := s.apps.get(ctx, 0, func(ctx context.Context) ([]ledger.App, error) { return s.Reader.AppStates(ctx) })
	return slices.Clone(apps), err // a page sorts them
}

func (s *sharedLedger) Latest(ctx context.Context, n int) ([]ledger.View, error) {
	return s.latest.get(ctx, n, func(ctx context.Context) ([]ledger.View, error) { return s.Reader.Latest(ctx, n) })
}

func (s *sharedLedger) Workers(ctx context.Context) ([]ledger.Worker, error) {
	return s.workers.get(ctx, 0, s.Reader.Workers)
}

func (s *sharedLedger) Loss(ctx context.Context) (ledger.Loss, error) {
	return s.loss.get(ctx, 0, s.Reader.Loss)
}

// sharedQueues shares the reads of the queues.
type sharedQueues struct {
	queueReader
	queues  *sharedReads[[]queue]
	workers *sharedReads[[]process]
	counts  *sharedReads[int]
}

func newSharedQueues(ctx context.Context, r queueReader, fresh *freshness) *sharedQueues {
	since := func() time.Time { return fresh.sinceOf(&fresh.queues) }
	return &sharedQueues{queueReader: r, queues: newSharedReads[[]queue](ctx, since), workers: newSharedReads[[]process](ctx, since),
		counts: newSharedReads[int](ctx, since)}
}

func (s *sharedQueues) Queues(ctx context.Context) ([]queue, error) {
	queues, err := s.queues.get(ctx, 0, s.queueReader.Queues)
	return slices.Clone(queues), err // a snapshot changes them
}

func (s *sharedQueues) Workers(ctx context.Context) ([]process, error) {
	workers, err := s.workers.get(ctx, 0, s.queueReader.Workers)
	return slices.Clone(workers), err
}

func (s *sharedQueues) DisabledWebhooks(ctx context.Context) (int, error) {
	return s.counts.get(ctx, 0, s.queueReader.DisabledWebhooks)
}

func (s *sharedQueues) Quarantined(ctx context.Context) (int, error) {
	return s.counts.get(ctx, 1, s.queueReader.Quarantined)
}
