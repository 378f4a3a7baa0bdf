package workload

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"pilotsync/enqueue"
)

// Load runs n producers until the returned function is called, or the test ends. Each enqueues
// small batches of random changes, of which three in ten are removals. If Redis fails, it continues
// with the next batch. interval is the mean time between two. Each load has domains of its own.
func (w *Workload) Load(t testing.TB, n int, interval time.Duration, submit func(context.Context, ...enqueue.Request) error) (end func()) {
	w.mu.Lock()
	w.loads++
	load := w.loads
	w.mu.Unlock()
	stop := make(chan struct{})
	var running sync.WaitGroup
	for i := range n {
		random := rand.New(rand.NewPCG(load, uint64(i)))
		running.Go(func() { w.produce(t.Context(), load, random, interval, submit, stop) })
	}
	end = sync.OnceFunc(func() { close(stop); running.Wait() })
	t.Cleanup(end)
	return end
}

func (w *Workload) produce(ctx context.Context, load uint64, random *rand.Rand, interval time.Duration, submit func(context.Context, ...enqueue.Request) error, stop <-chan struct{}) {
	for {
		batch := make([]enqueue.Request, 1+random.IntN(5))
		for i := range batch {
			batch[i] = enqueue.Request{AppID: w.apps[random.IntN(len(w.apps))],
				Domain: fmt.Sprintf("shop%02d.load%d.example.com", random.IntN(40), load), Remove: random.IntN(10) < 3}
		}
		_ = submit(ctx, batch...) // recorded by the workload
		select {
		case <-stop:
			return
		case <-time.After(time.Duration(random.Int64N(int64(2 * interval)))):
		}
	}
}
