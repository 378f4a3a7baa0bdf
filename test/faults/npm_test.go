//go:build faults

package faults

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pilotsync/enqueue"
	"pilotsync/internal/simulator"
	"pilotsync/test/harness"
	"pilotsync/test/npmclient"
)

// A client that others wrote changes a list without a pause, and two workers add and remove
// domains beside it. Either's write can take the other's names off that came between its read and
// its write. Once the client stops, one reconciliation puts all of the workers' names back.
func TestNpmsClientBesideWorkersLosesNoDomainOfOurs(t *testing.T) {
	t.Parallel()
	const leastOwn, leastTheirs = 8, 150
	npm := simulator.Account{ClientID: "npm", APIKey: "npm-key"}
	f := newFixture(t, simulator.Options{
		Accounts: []simulator.Account{{ClientID: "sim", APIKey: "sim-key"}, npm},
		Apps:     []simulator.App{appWithDomains("app1")}, Latency: 20 * time.Millisecond,
	})
	writer := harness.Start(t, npmclient.Command(t, f.sim, npm, "writer.js", "app1"))
	f.worker()
	f.worker()
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	running.Go(func() {
		random := rand.New(rand.NewPCG(1, 1))
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(time.Duration(random.Int64N(int64(300 * time.Millisecond)))):
			}
			domain := fmt.Sprintf("shop%02d.example.com", random.IntN(30))
			_ = f.enqueue(t.Context(), enqueue.Request{AppID: "app1", Domain: domain, Remove: random.IntN(4) == 0})
		}
	})
	harness.Await(t, "each wrote enough", func() error {
		own, theirs := 0, 0
		for _, write := range f.sim.History("app1") {
			switch write.By {
			case "sim":
				own++
			case "npm":
				theirs++
			}
		}
		if own < leastOwn || theirs < leastTheirs {
			return fmt.Errorf("%d writes of the workers, %d of npm's client", own, theirs)
		}
		return nil
	})
	stop()
	running.Wait()
	f.awaitSettled()
	if code := writer.Terminate(); code != 0 {
		t.Fatalf("npm's client ended with %d", code)
	}
	theirs := strings.Fields(writer.Written())

	f.reconcileNow("app1")
	harness.Await(t, "all of the workers' names are on the list", func() error {
		if missing := without(f.workload.Names("app1", true), f.sim.List("app1")); len(missing) > 0 {
			return fmt.Errorf("missing: %v", missing)
		}
		return nil
	})
	f.awaitSettled()
	list := f.sim.List("app1")
	if lost := without(slices.Concat(theirs, appWithDomains("app1").Domains), list); len(lost) > 0 || len(theirs) != 20 {
		t.Errorf("names that others want are lost: %v of %v", lost, theirs)
	}
	if twice := repeated(list); len(twice) > 0 {
		t.Errorf("on the list twice: %v", twice)
	}
	own, crossed := f.checkOthersNamesKept("app1")
	t.Logf("%d writes of the workers among %d of npm's client; %d of its names were lost between their read and their write, and added again",
		own, len(f.sim.History("app1"))-own, crossed)
	f.checkOwnWritesDoNotOverlap("app1")
}
