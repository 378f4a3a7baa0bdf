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

// otherWriter is another program that changes a list over the API as ServerPilot's own
// dashboard and the WordPress plugin do: read, change, replace.
type otherWriter struct {
	sim           *simulator.Simulator
	client        *http.Client
	clientID, key string
}

// change replaces the list by what edit makes of it. Between its read and its
// write it takes its time.
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

// TestAnotherWriterNeitherLosesNamesNorStopsConvergence has a person in the dashboard and a plugin of
// the old kind at the same list. What can be promised without conditional writes
// is this: no write of ours takes off a name of theirs that was there when we read
// the list, none moves one, and once they rest, one look puts all of ours on the
// list, beside all of theirs. What they write between our read and our write can be
// lost; how much that is here is in the log of the test.
func TestAnotherWriterNeitherLosesNamesNorStopsConvergence(t *testing.T) {
	t.Parallel()
	// All write until each wrote this much: on a busy machine that takes minutes.
	const leastOurs, leastTheirs, limit = 8, 150, 3 * time.Minute
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
	// Each looks after names of his own: those that got lost he puts on again.
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
		ours := 0
		for _, write := range history {
			if write.By == "sim" {
				ours++
			}
		}
		if ours < leastOurs || len(history)-ours < leastTheirs {
			return fmt.Errorf("%d writes of ours, %d of others", ours, len(history)-ours)
		}
		return nil
	})
	enough()
	running.Wait()
	f.awaitSettled()

	// They rest now, each once he has seen that his names are there.
	if err := f.sim.EditByHand("app1", func(list []string) []string { return robot.edit(person.edit(list)) }); err != nil {
		t.Fatal(err)
	}
	beside := f.sim.History("app1")
	f.reconcileNow("app1")
	var missing []string
	harness.Await(t, "all of ours are on the list", func() error {
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
	// A removed name is there only where somebody else brought it back, and more than once.
	for _, name := range f.workload.Names("app1", false) {
		if n := broughtBack(beside, name); slices.Contains(list, name) && n < 2 {
			t.Errorf("%s was taken off, somebody else brought it back %d times, and it is there", name, n)
		}
	}
	ours, crossed := f.checkOthersNamesKept("app1")
	t.Logf("%d writes of ours among %d of others; %d names of theirs fell between our read and our write, and had to be put on again",
		ours, len(beside)-ours, crossed)
	f.checkOwnWritesDoNotOverlap("app1")
	explains(t, "reads and writes of all", listModel(appWithDomains("app1").Domains), accesses(f.sim.Reads("app1"), f.sim.History("app1"), zero))
}

// otherNames are the names that another program wants on a list.
type otherNames struct{ want, unwanted []string }

// plan adds a name, and every fourth time drops one.
func (o *otherNames) plan(name string, random *rand.Rand) {
	o.want = append(o.want, name)
	if random.IntN(4) > 0 {
		return
	}
	i := random.IntN(len(o.want))
	o.unwanted = append(o.unwanted, o.want[i])
	o.want = slices.Delete(o.want, i, i+1)
}

func (o *otherNames) edit(list []string) []string {
	list = without(list, o.unwanted)
	return append(list, without(o.want, list)...)
}

// checkOthersNamesKept holds each write of ours against the read it was made from. It
// returns how many there were, and how many names of others came onto the list
// between the two and were lost.
func (f *fixture) checkOthersNamesKept(app string) (ours, crossed int) {
	f.t.Helper()
	reads := slices.DeleteFunc(f.sim.Reads(app), func(r simulator.Read) bool { return r.By != "sim" })
	for _, write := range f.sim.History(app) {
		if write.By != "sim" {
			continue
		}
		ours++
		var base []string
		for _, r := range reads {
			if r.AnsweredAt.Before(write.ReceivedAt) {
				base = r.List
			}
		}
		notOurs := func(list []string) []string {
			return slices.DeleteFunc(slices.Clone(list), func(name string) bool { return strings.HasSuffix(name, ".example.com") })
		}
		if want, got := notOurs(base), notOurs(write.After); !slices.Equal(want, got) {
			f.t.Errorf("write %d of app %s: others' names (-as we read them +as we wrote them):\n%s", write.Index, app, cmp.Diff(want, got))
		}
		crossed += len(without(notOurs(write.Before), write.After))
	}
	return ours, crossed
}

// reconcileNow starts the hourly reconciliation of an app now.
func (f *fixture) reconcileNow(app string) {
	f.t.Helper()
	hourly := tasks.Sync{AppID: app, Hour: time.Now().Unix() / 60} // an hour that no real one has
	client := asynq.NewClientFromRedisClient(f.rdb)
	if _, err := client.EnqueueContext(f.t.Context(), asynq.NewTask(tasks.TypeAppSync, tasks.Encode(hourly)), asynq.Queue(tasks.QueueLists)); err != nil {
		f.t.Fatal(err)
	}
}

// broughtBack counts the writes of others that put a name on a list that it wasn't on.
func broughtBack(history []simulator.Write, name string) (n int) {
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

// checkOwnWritesDoNotOverlap is checkNoOverlap for an app at which others write, too.
func (f *fixture) checkOwnWritesDoNotOverlap(app string) {
	f.t.Helper()
	for _, o := range f.sim.Overlaps() {
		if o.First.App == app && o.First.By == "sim" && o.Second.By == "sim" {
			f.t.Errorf("two writes of ours overlapped: %+v", o)
		}
	}
}
