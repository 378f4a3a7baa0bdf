package dashboard

import (
	"context"
	"slices"
	"sync"
	"time"

	"pilotsync/internal/cache"
	"pilotsync/worker/ledger"
)

// freshness says how old a read may be that a page uses. All viewers of a dashboard load their page
// after a message of the stream. So they share what the hub has read for it, and what was read
// since. The hub begins anew each second; if it finds a change, the page is loaded again.
type freshness struct {
	mu      sync.Mutex
	streams int
	begun   time.Time // the hub's last turn, or the last stream or action after that
}

// since returns when a read must have begun, or later.
func (f *freshness) since() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.streams == 0 {
		return time.Now() // without a stream no message says what has changed
	}
	return f.begun
}

// begin makes pages read again what was read before now.
func (f *freshness) begin() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.begun = time.Now()
}

// stream adds to the number of open streams.
func (f *freshness) stream(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.streams == 0 {
		f.begun = time.Now() // the hub's last turn may be long ago
	}
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
	apps    *sharedReads[*appsRead]
	workers *sharedReads[[]ledger.Worker]
	loss    *sharedReads[ledger.Loss]
}

// appsRead is one read of all apps, with what is read for it later.
type appsRead struct {
	apps []ledger.App

	mu     sync.Mutex
	latest map[int][]ledger.View // by their number
}

func newSharedLedger(ctx context.Context, r Reader, fresh *freshness) *sharedLedger {
	return &sharedLedger{Reader: r, apps: newSharedReads[*appsRead](ctx, fresh.since),
		workers: newSharedReads[[]ledger.Worker](ctx, fresh.since), loss: newSharedReads[ledger.Loss](ctx, fresh.since)}
}

func (s *sharedLedger) readApps(ctx context.Context) (*appsRead, error) {
	apps, err := s.Reader.AppStates(ctx)
	return &appsRead{apps: apps, latest: map[int][]ledger.View{}}, err
}

func (s *sharedLedger) AppStates(ctx context.Context, ids ...string) ([]ledger.App, error) {
	if len(ids) > 0 {
		return s.Reader.AppStates(ctx, ids...)
	}
	read, err := s.apps.get(ctx, 0, s.readApps)
	if err != nil {
		return nil, err
	}
	return slices.Clone(read.apps), nil // a page sorts them
}

// Latest belongs to a read of all apps that is as new as a page needs; the caller's is another one.
func (s *sharedLedger) Latest(ctx context.Context, _ []ledger.App, n int) ([]ledger.View, error) {
	read, err := s.apps.get(ctx, 0, s.readApps)
	if err != nil {
		return nil, err
	}
	read.mu.Lock()
	defer read.mu.Unlock()
	if views, ok := read.latest[n]; ok {
		return views, nil
	}
	views, err := s.Reader.Latest(ctx, read.apps, n)
	if err == nil {
		read.latest[n] = views
	}
	return views, err
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
	return &sharedQueues{queueReader: r, queues: newSharedReads[[]queue](ctx, fresh.since), workers: newSharedReads[[]process](ctx, fresh.since),
		counts: newSharedReads[int](ctx, fresh.since)}
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
