//go:build faults

package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hibiken/asynq"

	"pilotsync/enqueue"
	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/test/harness"
)

// otherWriter changes a list over the API as ServerPilot's own dashboard and the WordPress plugin
// do: read, change, replace.
type otherWriter struct {
	sim           *simulator.Simulator
	client        *http.Client
	clientID, key string
}

// change replaces the list by what edit returns, with a delay between read and write.
func (o otherWriter) change(ctx context.Context, app string, think time.Duration, edit func([]string) []string) error {
	var got struct {
		Data struct {
			Domains []string `json:"domains"`
		} `json:"data"`
	}
	if err := o.call(ctx, http.MethodGet, app, nil, &got); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(think):
	}
	return o.call(ctx, http.MethodPost, app, map[string][]string{"domains": edit(got.Data.Domains)}, &got)
}

func (o otherWriter) call(ctx context.Context, method, app string, body, answer any) error {
	var sent bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&sent).Encode(body); err != nil {
			return err
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, o.sim.APIURL()+"/apps/"+app, &sent)
	if err != nil {
		return err
	}
	request.SetBasicAuth(o.clientID, o.key)
	request.Header.Set("Content-Type", "application/json")
	response, err := o.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s", method, app, response.Status)
	}
	return json.NewDecoder(response.Body).Decode(answer)
}

// TestAnotherWriterNeitherLosesNamesNorStopsConvergence has a person in the dashboard and the
// built-in integration change the same list. Without conditional writes, this much can be promised:
// no write of a worker removes or moves a name of theirs that its read returned. Once they stop,
// one reconciliation puts all owned names on the list beside theirs. What they write between a
// worker's read and write can be lost; the test logs how much.
func TestAnotherWriterNeitherLosesNamesNorStopsConvergence(t *testing.T) {
	t.Parallel()
	// Each of them writes this often, which takes minutes on a busy machine.
	const leastOwn, leastTheirs, limit = 8, 150, 3 * time.Minute
	zero := time.Now()
	f := newFixture(t, simulator.Options{
		Accounts: []simulator.Account{{ClientID: "sim", APIKey: "sim-key"}, {ClientID: "plugin", APIKey: "plugin-key"}},
		Apps:     []simulator.App{appWithDomains("app1")}, Latency: 40 * time.Millisecond,
	})
	f.worker()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	plugin := otherWriter{f.sim, &http.Client{Transport: transport}, "plugin", "plugin-key"}

	ctx, enough := context.WithTimeout(t.Context(), limit)
	var running sync.WaitGroup
	defer running.Wait()
	defer enough()
	pause := func(random *rand.Rand, most time.Duration) bool {
		select {
		case <-ctx.Done():
			return false
		case <-time.After(time.Duration(random.Int64N(int64(most)))):
			return true
		}
	}
	// Each writer adds its own names again after a loss.
	var person, robot otherNames
	running.Go(func() {
		random := rand.New(rand.NewPCG(1, 1))
		for n := 0; pause(random, 100*time.Millisecond); n++ {
			person.plan(fmt.Sprintf("person%03d.example.net", n), random)
			_ = f.sim.EditByHand("app1", person.edit)
		}
	})
	running.Go(func() {
		random := rand.New(rand.NewPCG(2, 2))
		for n := 0; pause(random, 600*time.Millisecond); n++ {
			robot.plan(fmt.Sprintf("plugin%03d.example.net", n), random)
			if err := plugin.change(ctx, "app1", time.Duration(random.IntN(100))*time.Millisecond, robot.edit); err != nil && ctx.Err() == nil {
				t.Errorf("the plugin: %v", err)
			}
		}
	})
	running.Go(func() {
		random := rand.New(rand.NewPCG(3, 3))
		for n := 0; pause(random, 600*time.Millisecond); n++ {
			domain := fmt.Sprintf("shop%02d.example.com", random.IntN(30))
			_ = f.enqueue(t.Context(), enqueue.Request{AppID: "app1", Domain: domain, Remove: random.IntN(4) == 0})
		}
	})
	harness.Await(t, "each wrote enough", func() error {
		history := f.sim.History("app1")
		own := 0
		for _, write := range history {
			if write.By == "sim" {
				own++
			}
		}
		if own < leastOwn || len(history)-own < leastTheirs {
			return fmt.Errorf("%d writes of the worker, %d of others", own, len(history)-own)
		}
		return nil
	})
	enough()
	running.Wait()
	f.awaitSettled()

	// Each stops once its names are on the list.
	if err := f.sim.EditByHand("app1", func(list []string) []string { return robot.edit(person.edit(list)) }); err != nil {
		t.Fatal(err)
	}
	beside := f.sim.History("app1")
	f.reconcileNow("app1")
	var missing []string
	harness.Await(t, "all of the worker's names are on the list", func() error {
		list := f.sim.List("app1")
		if missing = without(f.workload.Names("app1", true), list); len(missing) > 0 {
			return fmt.Errorf("missing: %v", missing)
		}
		return nil
	})
	f.awaitSettled()
	list := f.sim.List("app1")
	if lost := without(slices.Concat(person.want, robot.want), list); len(lost) > 0 {
		t.Errorf("names of theirs are lost: %v", lost)
	}
	if twice := repeated(list); len(twice) > 0 {
		t.Errorf("on the list twice: %v", twice)
	}
	// A removed name is there only if another writer brought it back more than once.
	for _, name := range f.workload.Names("app1", false) {
		if n := readded(beside, name); slices.Contains(list, name) && n < 2 {
			t.Errorf("%s was taken off, another program brought it back %d times, and it is there", name, n)
		}
	}
	own, crossed := f.checkOthersNamesKept("app1")
	t.Logf("%d writes of the worker among %d of others; %d names of theirs were lost between its read and its write, and added again",
		own, len(beside)-own, crossed)
	f.checkOwnWritesDoNotOverlap("app1")
	explains(t, "reads and writes of all", listModel(appWithDomains("app1").Domains), accesses(f.sim.Reads("app1"), f.sim.History("app1"), zero))
}

// otherNames are the names that another program wants on a list.
type otherNames struct{ want, dropped []string }

// plan adds a name, and every fourth time drops one.
func (o *otherNames) plan(name string, random *rand.Rand) {
	o.want = append(o.want, name)
	if random.IntN(4) > 0 {
		return
	}
	i := random.IntN(len(o.want))
	o.dropped = append(o.dropped, o.want[i])
	o.want = slices.Delete(o.want, i, i+1)
}

func (o *otherNames) edit(list []string) []string {
	list = without(list, o.dropped)
	return append(list, without(o.want, list)...)
}

// checkOthersNamesKept compares each write of a worker with the read that it was made from. It
// returns the number of writes, and of names that others added between the two and that were lost.
func (f *fixture) checkOthersNamesKept(app string) (own, crossed int) {
	f.t.Helper()
	reads := slices.DeleteFunc(f.sim.Reads(app), func(r simulator.Read) bool { return r.By != "sim" })
	for _, write := range f.sim.History(app) {
		if write.By != "sim" {
			continue
		}
		own++
		var base []string
		for _, r := range reads {
			if r.AnsweredAt.Before(write.ReceivedAt) {
				base = r.List
			}
		}
		foreign := func(list []string) []string {
			return slices.DeleteFunc(slices.Clone(list), func(name string) bool { return strings.HasSuffix(name, ".example.com") })
		}
		if want, got := foreign(base), foreign(write.After); !slices.Equal(want, got) {
			f.t.Errorf("write %d of app %s: others' names (-as we read them +as we wrote them):\n%s", write.Index, app, cmp.Diff(want, got))
		}
		crossed += len(without(foreign(write.Before), write.After))
	}
	return own, crossed
}

// reconcileNow enqueues an app's hourly reconciliation.
func (f *fixture) reconcileNow(app string) {
	f.t.Helper()
	hourly := tasks.Sync{AppID: app, Hour: time.Now().Unix() / 60} // an hour that no real one has
	client := asynq.NewClientFromRedisClient(f.rdb)
	if _, err := client.EnqueueContext(f.t.Context(), asynq.NewTask(tasks.TypeAppSync, tasks.Encode(hourly)), asynq.Queue(tasks.QueueLists)); err != nil {
		f.t.Fatal(err)
	}
}

// readded counts the writes of others that put a name on a list that it wasn't on.
func readded(history []simulator.Write, name string) (n int) {
	for _, write := range history {
		if write.By != "sim" && slices.Contains(without(write.After, write.Before), name) {
			n++
		}
	}
	return n
}

func repeated(list []string) (twice []string) {
	seen := map[string]bool{}
	for _, name := range list {
		if key := strings.ToLower(name); seen[key] {
			twice = append(twice, name)
		} else {
			seen[key] = true
		}
	}
	return twice
}

// checkOwnWritesDoNotOverlap is checkNoOverlap for an app that others write, too.
func (f *fixture) checkOwnWritesDoNotOverlap(app string) {
	f.t.Helper()
	for _, o := range f.sim.Overlaps() {
		if o.First.App == app && o.First.By == "sim" && o.Second.By == "sim" {
			f.t.Errorf("two writes of the worker overlapped: %+v", o)
		}
	}
}
