//go:build faults

package faults

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"pilotsync/enqueue"
	"pilotsync/internal/simulator"
	"pilotsync/test/harness"
)

// TestAllUpdatesOfAListAreAsIfMadeOneAfterTheOther runs several workers, kills and suspends them,
// and lets the API fail. Each has an account of its own, so that the simulator can tell them apart.
// The checker then gets what the simulator saw.
func TestAllUpdatesOfAListAreAsIfMadeOneAfterTheOther(t *testing.T) {
	t.Parallel()
	const apps, workers, producers = 4, 3, 4
	// Each start of a worker takes the next account.
	opt := simulator.Options{Latency: 60 * time.Millisecond, Faults: troubles()}
	for i := range 30 {
		opt.Accounts = append(opt.Accounts, simulator.Account{ClientID: fmt.Sprintf("worker%02d", i), APIKey: "key"})
	}
	for i := range apps {
		opt.Apps = append(opt.Apps, appWithDomains(fmt.Sprintf("app%02d", i)))
	}
	f := newFixture(t, opt)
	started := 0
	start := func() *harness.Process {
		p := f.worker("WU_SERVER_PILOT_CLIENT_ID="+opt.Accounts[started].ClientID, "WU_SERVER_PILOT_API_KEY=key")
		started++
		return p
	}
	zero := time.Now()
	running := make([]*harness.Process, workers)
	for i := range running {
		running[i] = start()
	}
	// A write that is applied long after its connection has gone is among them.
	f.sim.FailNext("app00", simulator.WriteList, simulator.Fault{}, simulator.Fault{Kind: simulator.ApplyLate, For: 15 * time.Second})

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var requests enqueueOps
	var producing sync.WaitGroup
	for i := range producers {
		producing.Go(func() { f.enqueueRandom(ctx, i, zero, &requests) })
	}
	enough := func() bool {
		requests.mu.Lock()
		defer requests.mu.Unlock()
		return requests.n >= 100 && len(f.sim.History("")) >= 20
	}
	// A busy machine needs more rounds; there are accounts for 30.
	kills, stops := 0, 0
	for turn := 0; turn < 6 || turn < 30 && !enough(); turn++ {
		select {
		case <-t.Context().Done():
			t.Fatal("the test's time is over")
		case <-time.After(2 * time.Second):
		}
		victim := turn % workers
		switch turn % 4 {
		case 0, 2:
			running[victim].Kill()
			running[victim] = start()
			kills++
		case 1:
			stopped := running[victim]
			stopped.Signal(syscall.SIGSTOP)
			time.AfterFunc(4*time.Second, func() { _ = syscall.Kill(stopped.Pid(), syscall.SIGCONT) }) // fails only if it has ended
			stops++
		case 3:
			if code := running[victim].Terminate(); code != 0 {
				t.Errorf("a worker ended with %d", code)
			}
			running[victim] = start()
		}
	}
	pass(t, 6*time.Second) // the next worker takes it over
	cancel()
	producing.Wait()
	f.sim.SetFaults(simulator.Faults{})
	f.awaitSettled()
	f.check()

	reads, writes, ops := 0, 0, requests.operations(f)
	for i, app := range f.apps {
		r, all := f.sim.Reads(app), f.sim.History(app)
		reads, writes = reads+len(r), writes+len(all)
		checkModel(t, "reads and writes of "+app, listModel(opt.Apps[i].Domains), accesses(r, all, zero))
		checkModel(t, "updates of "+app, updateModel(opt.Apps[i].Domains), updates(t, r, all, zero))
	}
	for domain, of := range ops {
		checkModel(t, "requests for "+domain, enqueueModel(), of)
	}
	t.Logf("%d reads, %d writes and %d requests for %d domains by %d workers, of which %d were killed and %d stopped for 4 s",
		reads, writes, requests.n, len(ops), started, kills, stops)
	if !enough() {
		t.Error("there was too little of it: the test tested nothing")
	}
}

// enqueueOps are the requests of a run, by app and domain, with their times.
type enqueueOps struct {
	mu  sync.Mutex
	n   int
	ops map[[2]string][]porcupine.Operation
	end time.Duration
}

// enqueueRandom enqueues one random change after the other until ctx ends, and records the times of
// request and acknowledgement. Producers share the domains.
func (f *fixture) enqueueRandom(ctx context.Context, producer int, zero time.Time, all *enqueueOps) {
	random := rand.New(rand.NewPCG(uint64(producer), 5))
	for ctx.Err() == nil {
		req := enqueue.Request{AppID: f.apps[random.IntN(len(f.apps))], Domain: fmt.Sprintf("shop%02d.example.com", random.IntN(12)), Remove: random.IntN(3) == 0}
		from := time.Now()
		if err := f.enqueue(f.t.Context(), req); err != nil {
			f.t.Errorf("a request wasn't acknowledged: %v", err)
			return
		}
		op := span(porcupine.Operation{ClientId: producer, Input: enqueueOp{on: !req.Remove}}, from, time.Now(), zero)
		all.mu.Lock()
		if all.ops == nil {
			all.ops = map[[2]string][]porcupine.Operation{}
		}
		key := [2]string{req.AppID, req.Domain}
		all.ops[key] = append(all.ops[key], op)
		all.n++
		all.end = max(all.end, time.Since(zero))
		all.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(random.IntN(150)) * time.Millisecond):
		}
	}
}

// operations are each domain's requests, and a final read of the list.
func (all *enqueueOps) operations(f *fixture) map[string][]porcupine.Operation {
	all.mu.Lock()
	defer all.mu.Unlock()
	by := map[string][]porcupine.Operation{}
	for key, ops := range all.ops {
		app, domain := key[0], key[1]
		missing := without([]string{domain, "www." + domain}, f.sim.List(app))
		if len(missing) == 1 {
			f.t.Errorf("app %s: of %s only one name is on the list", app, domain)
		}
		read := porcupine.Operation{Input: enqueueOp{final: true}, Output: len(missing) == 0, Call: int64(all.end) + 1, Return: int64(all.end) + 2}
		by[domain+" of "+app] = append(slices.Clone(ops), read)
	}
	return by
}

// TestTheCheckerSeesTheUpdateThatNaiveWritersLose shows that the checker fails on what a simulator
// saw of writers without a lease.
func TestTheCheckerSeesTheUpdateThatNaiveWritersLose(t *testing.T) {
	t.Parallel()
	zero := time.Now()
	sim, err := simulator.Start(simulator.Options{Latency: 50 * time.Millisecond, Accounts: []simulator.Account{{ClientID: "one", APIKey: "key"}, {ClientID: "two", APIKey: "key"}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	var both sync.WaitGroup
	for _, id := range []string{"one", "two"} {
		both.Go(func() {
			transport := &http.Transport{}
			defer transport.CloseIdleConnections()
			naive := otherWriter{sim, &http.Client{Transport: transport}, id, "key"}
			// Each waits until the other has read, too.
			err := naive.change(t.Context(), "app1", time.Second, func(list []string) []string { return append(list, id+".example.com") })
			if err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait()
	reads, writes := sim.Reads("app1"), sim.History("app1")
	checkModel(t, "what the API did", listModel(nil), accesses(reads, writes, zero))
	if got := porcupine.CheckOperationsTimeout(updateModel(nil), updates(t, reads, writes, zero), checkLimit); got != porcupine.Illegal {
		t.Errorf("the checker says %s, though the list is %v", got, sim.List("app1"))
	}
}
