package upgrade

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/test/freeport"
	"pilotsync/test/harness"
)

// A release promises that its workers and the previous release's work side by side on one
// Redis. That holds in an upgrade and on the way back, with producers of both.
func TestWorkersOfTwoReleasesWorkSideBySide(t *testing.T) {
	harness.Long(t)
	t.Parallel()
	if built.noPrevious != nil {
		t.Skip(built.noPrevious)
	}
	needPHP(t)
	byHand := []string{"intranet.example.org", "Mail.example.org"}
	var apps []simulator.App
	for i := range 5 {
		apps = append(apps, simulator.App{ID: fmt.Sprintf("app%d", i), Domains: byHand})
	}
	f := newFixture(t, apps...)
	want := &workload{last: map[string]map[string]receipt{}}
	producers, hook := f.producers(), f.webhook()

	running := []*harness.Process{f.start(built.previous, nil, "worker"), f.start(built.previous, nil, "worker")}
	add := func(domains ...string) {
		t.Helper()
		receipts, err := producers["previous command line"](t.Context(), "app0", false, domains)
		if err != nil {
			t.Fatal(err)
		}
		want.note(receipts...)
		for _, r := range receipts {
			harness.Await(f.t, r.Domain+" is done", func() error {
				v, _, err := f.ledger.Domain(f.t.Context(), r.App, r.Domain)
				if err == nil && (v.State != tasks.Done || v.Seq < r.Seq) {
					err = fmt.Errorf("it is %q by change %d", v.State, v.Seq)
				}
				return err
			})
		}
	}
	// The patterns match the previous release's output only; the present one prints more.
	add("before.example.com", "through.example.com")

	stop := make(chan struct{})
	var producing sync.WaitGroup
	seed := uint64(1)
	for name, send := range producers {
		random := rand.New(rand.NewPCG(seed, 0))
		seed++
		producing.Go(func() { f.produce(send, name, want, random, stop) })
	}
	random := rand.New(rand.NewPCG(7, 7))
	restarts := 0
	// A rolling upgrade, and the way back.
	for _, phase := range [][2]string{
		{built.previous, built.present}, {built.present, built.present}, {built.present, built.previous}, {built.previous, built.previous},
	} {
		for range 3 {
			select {
			case <-t.Context().Done():
				t.Fatal("the test's time is over")
			case <-randomly(random):
			}
			i := random.IntN(2)
			for j := range running { // the one that isn't of this phase, if any
				if running[j].Path() != phase[j] {
					i = j
				}
			}
			f.stop(running[i])
			running[i] = f.start(phase[i], nil, "worker")
			restarts++
		}
		if phase == [2]string{built.present, built.present} {
			add("through.example.com")
		}
	}
	close(stop)
	producing.Wait()
	harness.Await(f.t, "every change is dealt with by the previous release", func() error { return f.settled(f.t.Context(), want) })
	t.Logf("%d changes by %d producers, %d workers stopped and started", want.n, len(producers), restarts)
	harness.Await(f.t, "the webhook has the events", func() error { return hook.lacks(want) })
	f.check(want, byHand)
	f.reads(want)
}

// reads compares what both releases show.
func (f *fixture) reads(want *workload) {
	f.t.Helper()
	for _, command := range []string{"status", "apps"} {
		previous, present := f.must(built.previous, command, "--json"), f.must(built.present, command, "--json")
		f.sameFields(command+" --json", previous, present)
	}
	var states []struct{ Domain, State string }
	if err := json.Unmarshal([]byte(f.must(built.present, "status", "--json")), &states); err != nil || len(states) < 20 {
		f.t.Errorf("status tells of %d domains (%v)", len(states), err)
	}
	page, err := freeport.Addr()
	if err != nil {
		f.t.Fatal(err)
	}
	f.start(built.present, []string{"PILOTSYNC_LISTEN=" + page, "REDIS_URL=" + f.redis.As("page")}, "web")
	harness.Await(f.t, "the page answers", func() error { _, err := get(f.t.Context(), "http://"+page+"/healthz"); return err })
	for path, says := range map[string]string{
		"/": "", "/domains?q=thr": "through.example.com", "/apps": "app4", "/apps/app0": "intranet.example.org",
		"/domains/app0/before.example.com": "asked to be put on the list", "/domains/app0/through.example.com": "asked for again",
	} {
		body, err := get(f.t.Context(), "http://"+page+path)
		if err != nil || !strings.Contains(body, says) {
			f.t.Errorf("%s: %v; want %q in\n%.500s", path, err, says, body)
		}
	}
	for domain := range want.last["app1"] {
		f.must(built.present, "logs", domain, "--app", "app1")
	}
	// docs/operations/upgrading.md says this of histories that the present release has added to.
	f.same("logs of before.example.com", withNames(f.must(built.previous, "logs", "before.example.com")), withNames(f.must(built.present, "logs", "before.example.com")))
	_, says, code := f.run(built.previous, "logs", "through.example.com")
	if want := "invalid character '\\x02' looking for beginning of value"; code != 1 || !strings.Contains(says, want) {
		f.t.Errorf("the previous release's logs of through.example.com: exit code %d, %q; want %q", code, says, want)
	}
}

// withNames puts the states' names, which the present release shows, in place of the states, and
// removes the columns.
func withNames(logs string) string {
	pairs := []string{" is done", ": Done"}
	for _, s := range tasks.States() {
		pairs = append(pairs, "Z  "+string(s)+" ", "Z  "+s.Name()+" ")
	}
	var lines []string
	for line := range strings.Lines(strings.NewReplacer(pairs...).Replace(logs)) {
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	return strings.Join(lines, "\n")
}

func get(ctx context.Context, url string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s", url, resp.Status)
	}
	return string(body), err
}

// randomly waits up to a second, as between the steps of a rolling upgrade.
func randomly(random *rand.Rand) <-chan time.Time {
	return time.After(time.Duration(100+random.IntN(500)) * time.Millisecond)
}
