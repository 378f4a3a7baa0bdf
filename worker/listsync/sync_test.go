package listsync

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"pilotsync/tasks"
)

// server is a fake ServerPilot with one app.
type server struct {
	*clock
	mu    sync.Mutex
	list  []string
	calls []string // in order: ready, read, write (refused writes included)
	// refuses returns ServerPilot's message if it refuses the list, otherwise "".
	refuses func(list []string) string
	// limited reports whether a call has to wait for the rate limit; nil for never.
	limited func(begun bool) bool
	// during is called, unlocked, during each call, before its effect.
	during func(call string)
	// answer replaces the answer to a write, after its effect.
	answer func(list []string) ([]string, error)
}

func (s *server) enter(ctx context.Context, call string) error {
	s.mu.Lock()
	s.calls = append(s.calls, call)
	s.mu.Unlock()
	if s.during != nil {
		s.during(call)
	}
	return ctx.Err()
}

// notReady is the error of an account at its rate limit.
type notReady struct{ error }

func (notReady) RetryIn() time.Duration { return time.Microsecond }
func (e notReady) Unwrap() error        { return e.error }

func (s *server) Ready(ctx context.Context, _ string, begun bool) error {
	if err := s.enter(ctx, "ready"); err != nil || s.limited == nil || !s.limited(begun) {
		return err
	}
	return notReady{ErrYield}
}

func (s *server) List(ctx context.Context, _ string) ([]string, error) {
	if err := s.enter(ctx, "read"); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.list), nil
}

func (s *server) Replace(ctx context.Context, _ string, names []string, notAfter time.Time) (Written, error) {
	if err := s.enter(ctx, "write"); err != nil {
		return Written{}, err
	}
	if s.now().After(notAfter) {
		return Written{}, &CallError{Kind: Transient, Err: errors.New("too late to write")}
	}
	if s.refuses != nil {
		if message := s.refuses(names); message != "" {
			return Written{}, &CallError{Kind: ListRefused, Message: message, Err: errors.New("400 " + message)}
		}
	}
	s.mu.Lock()
	s.list = slices.Clone(names)
	s.mu.Unlock()
	if s.answer != nil {
		answer, err := s.answer(names)
		return Written{Names: answer}, err
	}
	return Written{Names: slices.Clone(names), ActionID: fmt.Sprint("action", s.count("write"))}, nil
}

func (s *server) count(call string) (n int) {
	for _, c := range s.calls {
		if c == call {
			n++
		}
	}
	return n
}

// fakeEnqueuer records what was enqueued, and whether its outcome was committed by then.
type fakeEnqueuer struct {
	harness  *harness
	enqueued []string
	err      error
}

func (f *fakeEnqueuer) note(name string, r Record) error {
	if f.err == nil {
		f.enqueued = append(f.enqueued, fmt.Sprintf("%s %s %s, committed: %v", name, r.Domain, r.State, f.harness.fixture.state(r.Domain) == r.State))
	}
	return f.err
}

func (f *fakeEnqueuer) Verify(_ context.Context, _ string, records ...Record) error {
	for _, r := range records {
		if r.NextAttemptAt == nil || !r.NextAttemptAt.Equal(f.harness.now().Add(time.Minute)) {
			return fmt.Errorf("%s is to be verified at %v", r.Domain, r.NextAttemptAt)
		}
		if err := f.note("verify", r); err != nil {
			return err
		}
	}
	return nil
}

// harness is a Syncer with its fakes. The fixture records changes in the ledger.
type harness struct {
	*clock
	fixture  *fixture
	api      *server
	enqueuer *fakeEnqueuer
	stopping chan struct{}
	syncer   *Syncer
}

func setup(list ...string) *harness {
	c := &clock{t: start}
	r := &harness{clock: c, api: &server{clock: c, list: list}, stopping: make(chan struct{})}
	r.fixture = &fixture{memory: newMemory(c)}
	r.enqueuer = &fakeEnqueuer{harness: r}
	r.syncer = &Syncer{
		API: r.api, Ledger: r.fixture.memory, Enqueuer: r.enqueuer, Rules: Rules{WWW: tasks.WWWNever},
		FirstDelay: func(Record) time.Duration { return time.Minute }, Now: c.now, Stopping: r.stopping, WorkerID: "test",
	}
	return r
}

func (r *harness) sync(t *testing.T) Report {
	t.Helper()
	report, err := r.syncer.Sync(context.Background(), app)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func (r *harness) syncFails(t *testing.T) error {
	t.Helper()
	_, err := r.syncer.Sync(context.Background(), app)
	if err == nil {
		t.Fatal("the sync succeeded")
	}
	return err
}

func (r *harness) checkList(t *testing.T, names string) {
	t.Helper()
	if diff := cmp.Diff(strings.Fields(names), r.api.list, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}
}

func (r *harness) checkCalls(t *testing.T, calls string) {
	t.Helper()
	if diff := cmp.Diff(strings.Fields(calls), r.api.calls, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func (r *harness) checkStates(t *testing.T, states map[string]tasks.State) {
	t.Helper()
	got := map[string]tasks.State{}
	for d := range states {
		got[d] = r.fixture.state(d)
	}
	if diff := cmp.Diff(states, got); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
}

// once returns a hook that calls act the first time it is called with name.
func once(name string, act func()) func(string) {
	return func(call string) {
		if call == name && act != nil {
			a := act
			act = nil
			a()
		}
	}
}

func TestASyncReadsOnceAndWritesOnce(t *testing.T) {
	t.Parallel()
	r := setup("hand.net", "old.com")
	r.fixture.add("a.com", tasks.WWWAlways)
	r.fixture.add("b.com", "")
	r.fixture.remove("old.com")
	report := r.sync(t)
	r.checkCalls(t, "ready read write")
	r.checkList(t, "hand.net a.com www.a.com b.com")
	want := Report{Reads: 1, Writes: 1, Added: []string{"a.com", "www.a.com", "b.com"}, Removed: []string{"old.com"}, ActionIDs: []string{"action1"}, Settled: 3}
	if diff := cmp.Diff(want, report); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
	r.checkStates(t, map[string]tasks.State{"a.com": tasks.CheckingDNS, "b.com": tasks.CheckingDNS, "old.com": tasks.Removed})
	var idle *NotAcquired
	if err := r.syncFails(t); !errors.As(err, &idle) || !idle.Idle {
		t.Errorf("the sync didn't leave the app idle: %v", err)
	}
}

func TestASyncWritesNothingWhereNothingChanges(t *testing.T) {
	t.Parallel()
	r := setup("a.com")
	r.fixture.add("a.com", "")
	r.fixture.remove("b.com")
	r.sync(t)
	r.checkCalls(t, "ready read")
	r.checkStates(t, map[string]tasks.State{"a.com": tasks.CheckingDNS, "b.com": tasks.Removed})
}

func TestVerificationsAreEnqueuedBeforeTheCommit(t *testing.T) {
	t.Parallel()
	r := setup()
	r.fixture.add("a.com", "")
	r.sync(t)
	want := []string{"verify a.com checking-dns, committed: false"}
	if diff := cmp.Diff(want, r.enqueuer.enqueued); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A verification is due by the ledger's clock (fakeEnqueuer checks that), after
// the time that the write took.
func TestAWorkerWithAWrongClockStartsVerificationsAtTheRightTime(t *testing.T) {
	t.Parallel()
	for name, by := range map[string]time.Duration{"ahead": time.Hour, "behind": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := setup()
			own := &clock{t: start.Add(by)}
			r.syncer.Now, r.api.clock = own.now, own
			r.api.during = func(call string) {
				if call == "write" {
					r.clock.advance(5 * time.Second)
					own.advance(5 * time.Second)
				}
			}
			r.fixture.add("a.com", "")
			r.sync(t)
			if got := r.fixture.records["a.com"]; !got.UpdatedAt.Equal(start) {
				t.Errorf("the record is of %s, want %s", got.UpdatedAt, start)
			}
		})
	}
}

func TestNothingIsCommittedIfTheEnqueuerFails(t *testing.T) {
	t.Parallel()
	r := setup()
	r.fixture.add("a.com", "")
	r.enqueuer.err = errors.New("no Redis")
	if err := r.syncFails(t); !errors.Is(err, r.enqueuer.err) {
		t.Errorf("got %v", err)
	}
	r.checkStates(t, map[string]tasks.State{"a.com": tasks.Pending})
	r.enqueuer.err = nil
	r.advance(LandingLimit) // the write is in flight until then
	r.sync(t)
	r.checkStates(t, map[string]tasks.State{"a.com": tasks.CheckingDNS})
	if !r.fixture.owned["a.com"] {
		t.Error("a.com isn't owned")
	}
}

func TestChangesThatComeDuringTheReadArePlanned(t *testing.T) {
	t.Parallel()
	r := setup()
	r.fixture.add("a.com", "")
	r.api.during = once("read", func() {
		for i := range 50 {
			r.fixture.add(fmt.Sprintf("d%d.com", i), "")
		}
	})
	r.sync(t)
	r.checkCalls(t, "ready read write")
	if len(r.api.list) != 51 {
		t.Errorf("%d names", len(r.api.list))
	}
}

func TestTheSameSyncProcessesChangesThatComeDuringTheWrite(t *testing.T) {
	t.Parallel()
	r := setup()
	r.fixture.add("a.com", "")
	r.api.during = once("write", func() {
		r.fixture.add("b.com", "")
		r.fixture.remove("a.com") // stale: the current plan adds it
	})
	r.sync(t)
	r.checkCalls(t, "ready read write ready read write")
	r.checkList(t, "b.com")
	r.checkStates(t, map[string]tasks.State{"a.com": tasks.Removed, "b.com": tasks.CheckingDNS})
}

func TestASyncFailsIfItNeverSettlesAnything(t *testing.T) {
	t.Parallel()
	r := setup()
	r.fixture.add("a.com", "")
	r.fixture.before = func(method string) {
		if method == "Commit" {
			r.fixture.add("a.com", "") // stale, each time
		}
	}
	if err := r.syncFails(t); !strings.Contains(err.Error(), "settled nothing") {
		t.Errorf("got %v", err)
	}
}

// refusing makes ServerPilot refuse lists that add or remove one of these domains.
func (r *harness) refusing(culprits ...string) {
	r.api.refuses = func(list []string) string {
		for _, c := range culprits {
			if slices.Contains(list, c) != slices.Contains(r.api.list, c) {
				return c + " is in use."
			}
		}
		return ""
	}
}

// A sync that gave up at the rate limit would begin with the whole plan again, for ever.
func TestARefusedPlanIsBisectedAtTheRateLimit(t *testing.T) {
	t.Parallel()
	r := setup("hand.net")
	states := map[string]tasks.State{}
	for i := range 64 {
		domain := fmt.Sprintf("d%d.com", i)
		r.fixture.add(domain, "")
		states[domain] = tasks.CheckingDNS
	}
	states["d7.com"], states["d40.com"] = tasks.Rejected, tasks.Rejected
	r.refusing("d7.com", "d40.com")
	limited, first := true, true
	r.api.limited = func(begun bool) bool {
		if begun == first {
			t.Errorf("the sync is said to have begun: %v", begun)
		}
		limited, first = !limited && begun, false
		return limited
	}
	r.sync(t)
	r.checkStates(t, states)
}

func TestOnlyTheCulpritOfARefusedPlanIsRejected(t *testing.T) {
	t.Parallel()
	for n := 1; n <= 17; n++ {
		t.Run(fmt.Sprintf("%d changes", n), func(t *testing.T) {
			t.Parallel()
			for culprit := range n {
				// Every third change is a removal.
				domain := func(i int) string { return fmt.Sprintf("d%d.com", i) }
				r := setup("hand.net")
				states := map[string]tasks.State{}
				list := []string{"hand.net"}
				for i := range n {
					d := domain(i)
					switch removal := i%3 == 2; {
					case removal:
						r.api.list = append(r.api.list, d)
						r.fixture.remove(d)
						states[d] = tasks.Removed
					default:
						r.fixture.add(d, "")
						states[d] = tasks.CheckingDNS
					}
					if (i%3 == 2) == (i == culprit) {
						list = append(list, d)
					}
				}
				states[domain(culprit)] = tasks.Rejected
				r.refusing(domain(culprit))
				report := r.sync(t)
				r.checkStates(t, states)
				slices.Sort(list)
				got := slices.Sorted(slices.Values(r.api.list))
				if diff := cmp.Diff(list, got); diff != "" {
					t.Errorf("culprit %d: list (-want +got):\n%s", culprit, diff)
				}
				if reason := r.fixture.records[domain(culprit)].Reason(); !strings.Contains(reason, "is in use.") {
					t.Errorf("culprit %d: the reason is %q", culprit, reason)
				}
				// The whole plan, the control write, then two for each halving.
				if writes, most := r.api.count("write"), 2*bits.Len(uint(n-1))+3; writes > most {
					t.Errorf("culprit %d: %d writes, want at most %d", culprit, writes, most)
				}
				if report.Settled != n {
					t.Errorf("culprit %d: %d settled of %d", culprit, report.Settled, n)
				}
				r.checkReadBeforeWrites(t)
			}
		})
	}
}

func (r *harness) checkReadBeforeWrites(t *testing.T) {
	t.Helper()
	for i, call := range r.api.calls {
		if call == "write" && r.api.calls[i-1] != "read" {
			t.Errorf("call %d is a write right after a %s", i, r.api.calls[i-1])
		}
	}
}

func TestTwoCulpritsAreBothFound(t *testing.T) {
	t.Parallel()
	const n = 9
	for one := range n {
		for two := range one {
			r := setup()
			states := map[string]tasks.State{}
			for i := range n {
				d := fmt.Sprintf("d%d.com", i)
				r.fixture.add(d, "")
				states[d] = tasks.CheckingDNS
				if i == one || i == two {
					states[d] = tasks.Rejected
				}
			}
			r.refusing(fmt.Sprintf("d%d.com", one), fmt.Sprintf("d%d.com", two))
			r.sync(t)
			r.checkStates(t, states)
			if len(r.api.list) != n-2 {
				t.Errorf("culprits %d and %d: %d names", one, two, len(r.api.list))
			}
			if writes := r.api.count("write"); writes > 2*(2*4+3) {
				t.Errorf("culprits %d and %d: %d writes", one, two, writes)
			}
		}
	}
}

func TestARefusedMissingNameIsFoundAmongChanges(t *testing.T) {
	t.Parallel()
	r := setup()
	r.fixture.add("gone.com", "")
	r.sync(t)
	r.api.list = nil // a person removed it, and added it to another app
	for i := range 5 {
		r.fixture.add(fmt.Sprintf("d%d.com", i), "")
	}
	r.refusing("gone.com")
	r.sync(t)
	r.checkList(t, "d0.com d1.com d2.com d3.com d4.com")
	r.checkStates(t, map[string]tasks.State{"gone.com": tasks.Rejected, "d0.com": tasks.CheckingDNS, "d4.com": tasks.CheckingDNS})
}

func TestAnAppWithAFaultyListIsBlockedAndNoDomainRejected(t *testing.T) {
	t.Parallel()
	r := setup("under_score.net")
	r.fixture.add("a.com", "")
	r.fixture.add("b.com", "")
	r.api.refuses = func([]string) string { return "under_score.net is no domain." }
	err := r.syncFails(t)
	var call *CallError
	if !errors.As(err, &call) || call.Kind != Blocked || call.Message != "under_score.net is no domain." {
		t.Errorf("got %#v", err)
	}
	r.checkCalls(t, "ready read write ready read write")
	r.checkStates(t, map[string]tasks.State{"a.com": tasks.Pending, "b.com": tasks.Pending})
	if r.fixture.failure == nil || !r.fixture.failure.Blocked || !strings.Contains(r.fixture.failure.Reason, "under_score.net") {
		t.Errorf("the failure is %+v", r.fixture.failure)
	}
	r.api.refuses = nil // a person corrects the list
	r.sync(t)
	r.checkStates(t, map[string]tasks.State{"a.com": tasks.CheckingDNS, "b.com": tasks.CheckingDNS})
}

func TestAnAnswerThatLacksANameIsAnErrorAndTheNextSyncRepairs(t *testing.T) {
	t.Parallel()
	r := setup("hand.net")
	r.fixture.add("a.com", "")
	r.fixture.add("b.com", "")
	r.api.answer = func(list []string) ([]string, error) {
		r.api.list = []string{"hand.net", "b.com"}
		return r.api.list, nil
	}
	var call *CallError
	if err := r.syncFails(t); !errors.As(err, &call) || call.Kind != Transient {
		t.Fatalf("got %v", err)
	}
	r.checkStates(t, map[string]tasks.State{"a.com": tasks.Pending, "b.com": tasks.Pending})
	r.api.answer = nil
	r.sync(t)
	r.checkList(t, "hand.net b.com a.com")
	if !r.fixture.owned["a.com"] || !r.fixture.owned["b.com"] {
		t.Errorf("the owned names are %v", r.fixture.owned)
	}
}

func TestAnAnswerInAnotherOrderAndSpellingIsAccepted(t *testing.T) {
	t.Parallel()
	r := setup("hand.net")
	r.fixture.add("a.com", "")
	r.api.answer = func([]string) ([]string, error) { return []string{"A.com", "hand.net"}, nil }
	r.sync(t)
	r.checkStates(t, map[string]tasks.State{"a.com": tasks.CheckingDNS})
}

func TestAWriteOfUnknownOutcomeIsAwaitedAndItsNamesAreOwned(t *testing.T) {
	t.Parallel()
	for _, landed := range []bool{true, false} {
		t.Run(fmt.Sprintf("landed %v", landed), func(t *testing.T) {
			t.Parallel()
			r := setup("www.b.com")
			r.fixture.add("a.com", tasks.WWWAlways)
			r.fixture.add("b.com", tasks.WWWAlways)
			r.api.answer = func([]string) ([]string, error) {
				if !landed {
					r.api.list = []string{"www.b.com"}
				}
				return nil, &CallError{Kind: WriteUnknown, Err: errors.New("no answer")}
			}
			var call *CallError
			if err := r.syncFails(t); !errors.As(err, &call) || call.Kind != WriteUnknown {
				t.Fatalf("got %v", err)
			}
			r.checkStates(t, map[string]tasks.State{"a.com": tasks.Pending})
			if r.fixture.token != "" {
				t.Error("the lease wasn't released")
			}
			r.api.answer = nil
			r.advance(LandingLimit - time.Second)
			var wait *NotAcquired
			if err := r.syncFails(t); !errors.As(err, &wait) || wait.Idle || wait.Busy || wait.Wait != time.Second {
				t.Fatalf("got %v; want a second to wait", err)
			}
			r.advance(time.Second)
			r.sync(t)
			r.checkStates(t, map[string]tasks.State{"a.com": tasks.CheckingDNS, "b.com": tasks.CheckingDNS})
			// They are owned: they leave with their domain.
			r.fixture.remove("a.com")
			r.fixture.remove("b.com")
			r.sync(t)
			r.checkList(t, "www.b.com")
		})
	}
}

func TestARefusalAfterALostAnswerForgetsNoOwnedName(t *testing.T) {
	t.Parallel()
	r := setup()
	r.fixture.add("a.com", tasks.WWWAlways)
	r.api.answer = func([]string) ([]string, error) {
		return nil, &CallError{Kind: WriteUnknown, Err: errors.New("no answer")}
	}
	r.syncFails(t)
	r.api.answer = nil
	r.advance(LandingLimit)
	r.fixture.add("bad.com", "")
	r.refusing("bad.com")
	r.sync(t)
	r.fixture.remove("a.com")
	r.sync(t)
	r.checkList(t, "")
}

func TestAChangeAfterARefusedOneIsTriedSeparately(t *testing.T) {
	t.Parallel()
	r := setup("bad.com")
	r.fixture.remove("bad.com")
	reads := 0
	r.api.during = func(call string) {
		if call == "write" {
			return
		}
		if reads++; reads == 3 { // before the second round
			r.fixture.add("bad.com", "")
		}
	}
	r.refusing("bad.com")
	r.sync(t)
	r.checkList(t, "bad.com")
	r.checkStates(t, map[string]tasks.State{"bad.com": tasks.CheckingDNS})
}

func TestASyncThatLostItsLeaseChangesNothing(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		method string
		writes int // by the sync that lost it
	}{{"Renew", 0}, {"BeginWrite", 0}, {"Commit", 1}, {"Release", 1}} {
		t.Run("before "+c.method, func(t *testing.T) {
			t.Parallel()
			r := setup()
			r.fixture.add("a.com", "")
			var other Lease
			r.fixture.before = once(c.method, func() {
				r.advance(LandingLimit)
				r.fixture.before = nil
				var err error
				if other, err = r.fixture.Acquire(context.Background(), app); err != nil {
					t.Error(err)
				}
			})
			if err := r.syncFails(t); !errors.Is(err, ErrLeaseLost) {
				t.Errorf("got %v", err)
			}
			if n := r.api.count("write"); n != c.writes {
				t.Errorf("%d writes", n)
			}
			want := tasks.Pending
			if c.method == "Release" {
				want = tasks.CheckingDNS
			}
			r.checkStates(t, map[string]tasks.State{"a.com": want})
			if err := r.fixture.Renew(context.Background(), other); err != nil {
				t.Errorf("the new holder's lease was disturbed: %v", err)
			}
		})
	}
}

func TestAWriteThatWouldEndAfterTheLeaseIsNotMade(t *testing.T) {
	t.Parallel()
	r := setup()
	r.fixture.add("a.com", "")
	r.fixture.before = once("BeginWrite", func() { r.advance(CallLimit + time.Millisecond) })
	if err := r.syncFails(t); !strings.Contains(err.Error(), "too late to write") {
		t.Errorf("got %v", err)
	}
	r.checkList(t, "")
}

func TestAStoppingWorkerFinishesItsCallAndYields(t *testing.T) {
	t.Parallel()
	t.Run("before the first call", func(t *testing.T) {
		t.Parallel()
		r := setup()
		r.fixture.add("a.com", "")
		close(r.stopping)
		if err := r.syncFails(t); !errors.Is(err, ErrYield) {
			t.Errorf("got %v", err)
		}
		r.checkCalls(t, "")
		if r.fixture.failure != nil || r.fixture.token != "" {
			t.Errorf("failure %v, lease %q", r.fixture.failure, r.fixture.token)
		}
	})
	t.Run("during a write", func(t *testing.T) {
		t.Parallel()
		r := setup()
		r.fixture.add("a.com", "")
		r.api.during = once("write", func() { r.fixture.add("b.com", ""); close(r.stopping) })
		if err := r.syncFails(t); !errors.Is(err, ErrYield) {
			t.Errorf("got %v", err)
		}
		r.checkCalls(t, "ready read write")
		r.checkList(t, "a.com")
		r.checkStates(t, map[string]tasks.State{"a.com": tasks.CheckingDNS, "b.com": tasks.Pending})
	})
}

func TestTheChangesOfABurstCombine(t *testing.T) {
	t.Parallel()
	const interval = 500 * time.Millisecond
	for name, tt := range map[string]struct {
		sinceLastCommit time.Duration // when the sync begins
		stop            bool          // the worker stops at the end of the first write
		calls           []string      // with their times
	}{
		"a quiet app":                 {time.Hour, false, []string{"ready 0s", "read 0s", "write 0s", "ready 500ms", "read 500ms", "write 500ms"}},
		"an app with a recent commit": {100 * time.Millisecond, false, []string{"ready 400ms", "read 400ms", "write 400ms", "ready 900ms", "read 900ms", "write 900ms"}},
		"a clock set back":            {-time.Hour, false, []string{"ready 500ms", "read 500ms", "write 500ms", "ready 1s", "read 1s", "write 1s"}},
		"a worker that stops":         {time.Hour, true, []string{"ready 0s", "read 0s", "write 0s"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := setup()
				r.syncer.MinInterval, r.fixture.sinceLastCommit = interval, tt.sinceLastCommit
				r.syncer.Stopping = make(chan struct{}) // in the test's synthetic time
				r.fixture.add("a.com", "")
				began := time.Now()
				var calls []string
				more := once("write", func() {
					r.fixture.add("b.com", "")
					if tt.stop {
						stopping := make(chan struct{})
						r.syncer.Stopping = stopping
						close(stopping)
					}
				})
				r.api.during = func(call string) {
					calls = append(calls, fmt.Sprint(call, " ", time.Since(began)))
					more(call)
				}
				_, err := r.syncer.Sync(t.Context(), app)
				if tt.stop != errors.Is(err, ErrYield) || !tt.stop && err != nil {
					t.Errorf("the sync ended with %v", err)
				}
				if diff := cmp.Diff(tt.calls, calls); diff != "" {
					t.Errorf("calls (-want +got):\n%s", diff)
				}
				if tt.stop && time.Since(began) != 0 {
					t.Errorf("it stopped after %s", time.Since(began))
				}
			})
		})
	}
}

// unreachableLedger is a ledger that fails after the list was read, until a certain time.
type unreachableLedger struct {
	Ledger
	until time.Time
	tries int
}

func (a *unreachableLedger) Snapshot(context.Context, string, ...string) (Snapshot, error) {
	return Snapshot{}, errors.New("no connection")
}

func (a *unreachableLedger) Fail(ctx context.Context, lease Lease, failure *Failure) error {
	if a.tries++; time.Now().Before(a.until) {
		return errors.New("no connection")
	}
	return a.Ledger.Fail(ctx, lease, failure)
}

func TestTheLeaseIsReleasedOnceTheLedgerIsBack(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		outage, timeout time.Duration
		stopping        bool
		held            bool // the lease, in the end
		took            time.Duration
	}{
		"an outage of some seconds":         {3 * time.Second, LeaseTTL, false, false, 3 * time.Second},
		"an outage longer than the timeout": {time.Minute, 10 * time.Second, false, true, 10 * time.Second},
		"without a timeout":                 {time.Second, 0, false, true, 0},
		"a worker that stops doesn't wait":  {time.Second, LeaseTTL, true, true, 0},
		"an outage of reads only":           {0, LeaseTTL, false, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := setup()
				stopping := make(chan struct{}) // in the test's synthetic time
				ledger := &unreachableLedger{Ledger: r.fixture.memory, until: time.Now().Add(tt.outage)}
				r.syncer.Stopping, r.syncer.Ledger, r.syncer.CommitRetryTimeout = stopping, ledger, tt.timeout
				r.fixture.add("a.com", "")
				r.api.during = func(call string) {
					if call == "read" && tt.stopping {
						close(stopping)
					}
				}
				began := time.Now()
				_, err := r.syncer.Sync(t.Context(), app)
				if took := time.Since(began); err == nil || took != tt.took {
					t.Errorf("the sync ended after %s with %v, want an error after %s", took, err, tt.took)
				}
				if held := r.fixture.token != ""; held != tt.held || ledger.tries == 0 {
					t.Errorf("the lease is held: %v, want %v (%d tries)", held, tt.held, ledger.tries)
				}
			})
		})
	}
}

// lostAnswers is a ledger whose first answers to commits are lost.
type lostAnswers struct {
	Ledger
	lost      int
	committed bool // commits without an answer take effect
}

func (d *lostAnswers) Commit(ctx context.Context, lease Lease, c Commit) ([]string, error) {
	if d.lost--; d.lost < 0 {
		return d.Ledger.Commit(ctx, lease, c)
	}
	if d.committed {
		if _, err := d.Ledger.Commit(ctx, lease, c); err != nil {
			return nil, err
		}
	}
	return nil, errors.New("no connection")
}

func TestACommitIsRetriedWithoutASecondWrite(t *testing.T) {
	t.Parallel()
	for name, done := range map[string]bool{"the commits were lost": false, "only their answers were lost": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := setup()
				r.syncer.Stopping = make(chan struct{}) // in the test's synthetic time
				r.syncer.Ledger, r.syncer.CommitRetryTimeout = &lostAnswers{Ledger: r.fixture.memory, lost: 3, committed: done}, LeaseTTL
				r.fixture.add("a.com", "")
				began := time.Now()
				if _, err := r.syncer.Sync(t.Context(), app); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(began); took > 3*time.Second {
					t.Errorf("it took %s", took)
				}
				if n := r.api.count("write"); n != 1 {
					t.Errorf("%d writes, want one", n)
				}
				r.checkList(t, "a.com")
				r.checkStates(t, map[string]tasks.State{"a.com": tasks.CheckingDNS})
			})
		})
	}
}

func TestASyncWithNewChangesAllTheTimeEndsWithItsBudget(t *testing.T) {
	t.Parallel()
	r := setup()
	r.fixture.add("d.com", "")
	r.api.during = func(call string) {
		if call == "write" {
			r.fixture.add(fmt.Sprintf("d%d.com", r.fixture.seq), "")
			r.advance(time.Second)
		}
	}
	if err := r.syncFails(t); !errors.Is(err, ErrYield) {
		t.Errorf("got %v", err)
	}
	if n, most := r.api.count("write"), int(Budget/time.Second); n < 2 || n > most {
		t.Errorf("%d writes of a second each, want at most %d", n, most)
	}
	if r.fixture.failure != nil || len(r.fixture.pending) != 1 {
		t.Errorf("failure %v, %d pending", r.fixture.failure, len(r.fixture.pending))
	}
}

func TestNothingIsWrittenAfterTheContextEnds(t *testing.T) {
	t.Parallel()
	for _, when := range []string{"Acquire", "Renew", "read", "Snapshot", "BeginWrite", "write"} {
		t.Run("ended at "+when, func(t *testing.T) {
			t.Parallel()
			r := setup()
			r.fixture.add("a.com", "")
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			r.fixture.before, r.api.during = once(when, cancel), once(when, cancel)
			if _, err := r.syncer.Sync(ctx, app); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
			r.checkList(t, "")
			r.checkStates(t, map[string]tasks.State{"a.com": tasks.Pending})
			if r.fixture.token != "" || r.fixture.failure != nil {
				t.Errorf("lease %q, failure %v", r.fixture.token, r.fixture.failure)
			}
		})
	}
}

func TestAFailureIsRecordedAndTheLeaseReleased(t *testing.T) {
	t.Parallel()
	for _, kind := range []CallErrorKind{Transient, Blocked} {
		t.Run(fmt.Sprint(kind), func(t *testing.T) {
			t.Parallel()
			r := setup()
			r.fixture.add("a.com", "")
			r.api.answer = func([]string) ([]string, error) {
				r.api.list = nil
				return nil, &CallError{Kind: kind, Err: errors.New("502 from ServerPilot"), RetryAfter: time.Minute}
			}
			err := r.syncFails(t)
			var call *CallError
			if !errors.As(err, &call) || call.RetryAfter != time.Minute {
				t.Errorf("got %v", err)
			}
			want := &Failure{Reason: err.Error(), Blocked: kind == Blocked, Since: start}
			if diff := cmp.Diff(want, r.fixture.failure); diff != "" {
				t.Errorf("failure (-want +got):\n%s", diff)
			}
			r.api.answer = nil
			r.sync(t) // without a wait: no write is in flight
			r.checkList(t, "a.com")
		})
	}
}
