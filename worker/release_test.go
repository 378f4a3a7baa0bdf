package worker_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"pilotsync/enqueue"
	"pilotsync/internal/simulator"
	"pilotsync/tasks"
)

// A recording is the content of Redis, by key. Bytes that aren't UTF-8, as in asynq's
// messages, are in base64.
type recording map[string]recorded

type recorded struct {
	String []byte            `json:"string,omitempty"`
	Hash   map[string][]byte `json:"hash,omitempty"`
	List   [][]byte          `json:"list,omitempty"`
	Set    []string          `json:"set,omitempty"`
	ZSet   []redis.Z         `json:"zset,omitempty"`
}

// What each release left in Redis in the midst of its work. There are domains in every state
// that lasts, changes on the queue, and verifications that are due.
const releases = "testdata/releases"

// The domains of a recording, by their state.
var recordedDomains = map[string]tasks.State{
	"www.done.example.com": tasks.Done, "www.gone.example.com": tasks.Removed,
	"www.broken.example.com": tasks.Failed, "www.queued.example.com": "", "www.late.example.com": tasks.CheckingDNS,
}

// To record a release, run this with RECORD=testdata/releases/VERSION.json at its
// commit; without RECORD the recording is made and discarded. Recordings are never changed,
// since users have such data.
func TestRecordARelease(t *testing.T) {
	t.Parallel()
	file := cmp.Or(os.Getenv("RECORD"), filepath.Join(t.TempDir(), "unused.json"))
	f := setup(t, simulator.Options{Apps: []simulator.App{{ID: "app1", Domains: []string{"hand.example.com"}}}})
	f.sim.SetBehaviour("www.broken.example.com", simulator.Behaviour{NoDNS: true})
	f.sim.SetBehaviour("www.late.example.com", simulator.Behaviour{NoDNS: true})
	stop := f.start(f.config("app1"))
	f.add("app1", "www.done.example.com", "www.gone.example.com", "www.broken.example.com")
	f.awaitState("app1", "www.done.example.com", tasks.Done)
	f.awaitState("app1", "www.broken.example.com", tasks.Failed)
	if _, err := f.client.Enqueue(t.Context(), enqueue.Request{AppID: "app1", Domain: "www.gone.example.com", Remove: true}); err != nil {
		t.Fatal(err)
	}
	f.awaitState("app1", "www.gone.example.com", tasks.Removed)
	f.add("app1", "www.late.example.com")
	f.awaitState("app1", "www.late.example.com", tasks.CheckingDNS)
	stop()
	f.add("app1", "www.queued.example.com")

	all := recording{}
	for _, key := range f.rdb.Keys(t.Context(), "*").Val() {
		all[key] = f.record(key)
	}
	b, err := json.MarshalIndent(all, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, append(b, '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (f *fixture) record(key string) (r recorded) {
	f.t.Helper()
	ctx := f.t.Context()
	switch kind := f.rdb.Type(ctx, key).Val(); kind {
	case "string":
		r.String = []byte(f.rdb.Get(ctx, key).Val())
	case "hash":
		r.Hash = map[string][]byte{}
		for field, value := range f.rdb.HGetAll(ctx, key).Val() {
			r.Hash[field] = []byte(value)
		}
	case "list":
		for _, value := range f.rdb.LRange(ctx, key, 0, -1).Val() {
			r.List = append(r.List, []byte(value))
		}
	case "set":
		r.Set = f.rdb.SMembers(ctx, key).Val()
	case "zset":
		r.ZSet = f.rdb.ZRangeWithScores(ctx, key, 0, -1).Val()
	default:
		f.t.Fatalf("%s is a %q", key, kind)
	}
	return r
}

func (f *fixture) replay(all recording) {
	f.t.Helper()
	_, err := f.rdb.TxPipelined(f.t.Context(), func(p redis.Pipeliner) error {
		for key, r := range all {
			ctx := f.t.Context()
			if r.String != nil {
				p.Set(ctx, key, r.String, 0)
			}
			for field, value := range r.Hash {
				p.HSet(ctx, key, field, value)
			}
			for _, value := range r.List {
				p.RPush(ctx, key, value)
			}
			for _, member := range r.Set {
				p.SAdd(ctx, key, member)
			}
			if r.ZSet != nil {
				p.ZAdd(ctx, key, r.ZSet...)
			}
		}
		return nil
	})
	if err != nil {
		f.t.Fatal(err)
	}
}

// The recording of each release is read, and its work continues.
func TestTheWorkOfEachReleaseContinues(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(releases + "/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no recordings in %s (%v)", releases, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var all recording
			if err := json.Unmarshal(b, &all); err != nil {
				t.Fatal(err)
			}
			sim, err := simulator.Start(simulator.Options{Apps: []simulator.App{{ID: "app1",
				Domains: []string{"hand.example.com", "www.done.example.com", "www.broken.example.com", "www.late.example.com"}}}})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(sim.Close)
			f := setupOn(t, sim, miniredis.RunT(t).Addr())
			f.replay(all)
			for domain, state := range recordedDomains {
				if got := f.view("app1", domain); got.State != state {
					t.Errorf("%s was left as %q and is read as %q", domain, state, got.State)
				}
				if state == "" {
					continue
				}
				if events, err := f.ledger.History(t.Context(), "app1", domain); err != nil || len(events) < 2 || events[0].Reason == "" {
					t.Errorf("the history of %s is read as %+v (%v)", domain, events, err)
				}
			}

			f.start(f.config("app1"))
			for domain, state := range recordedDomains {
				if state != tasks.Removed && state != tasks.Failed { // what failed is looked at again hours later
					f.awaitState("app1", domain, tasks.Done)
				}
			}
			want := "[hand.example.com www.done.example.com www.broken.example.com www.late.example.com www.queued.example.com]"
			if got := fmt.Sprint(sim.List("app1")); got != want {
				t.Errorf("the list is %s, want %s", got, want)
			}
		})
	}
}
