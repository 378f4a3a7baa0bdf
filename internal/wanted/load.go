package wanted

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"pilotsync/enqueue"
)

// Load runs n producers until the returned function is called, or the test ends.
// Each asks for random changes of the apps in small batches, of ten domains three
// are taken off; where Redis fails, it goes on with the next batch. pace is the mean
// pause between two.
func (w *Wanted) Load(t testing.TB, n int, pace time.Duration, ask func(context.Context, ...enqueue.Request) error) (end func()) {
	stop := make(chan struct{})
	var running sync.WaitGroup
	for range n {
		w.mu.Lock()
		seed := w.producers
		w.producers++
		w.mu.Unlock()
		running.Go(func() { w.produce(t.Context(), seed, pace, ask, stop) })
	}
	end = sync.OnceFunc(func() { close(stop); running.Wait() })
	t.Cleanup(end)
	return end
}

func (w *Wanted) produce(ctx context.Context, seed uint64, pace time.Duration, ask func(context.Context, ...enqueue.Request) error, stop <-chan struct{}) {
	random := rand.New(rand.NewPCG(seed, 1))
	for {
		batch := make([]enqueue.Request, 1+random.IntN(5))
		for i := range batch {
			batch[i] = enqueue.Request{AppID: w.apps[random.IntN(len(w.apps))],
				Domain: fmt.Sprintf("shop%02d.example.com", random.IntN(40)), Remove: random.IntN(10) < 3}
		}
		_ = ask(ctx, batch...) // noted
		select {
		case <-stop:
			return
		case <-time.After(time.Duration(random.Int64N(int64(2 * pace)))):
		}
	}
}
