package simulator

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestScriptedFaults(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		fault   Fault
		applied bool // when the call has ended
		check   func(result) bool
	}{
		{"none", Fault{}, true, func(r result) bool { return r.status == 200 && r.err == nil }},
		{"a server error has no effect", Fault{Kind: Error5xx}, false, func(r result) bool { return r.status == 500 && r.Error.Message != "" }},
		{"429 with Retry-After in whole seconds", Fault{Kind: Error429, For: 1500 * time.Millisecond}, false,
			func(r result) bool { return r.status == 429 && r.header.Get("Retry-After") == "2" }},
		{"429 without Retry-After", Fault{Kind: Error429}, false,
			func(r result) bool { return r.status == 429 && r.header["Retry-After"] == nil }},
		{"a slow call works", Fault{Kind: Slow, For: 50 * time.Millisecond}, true, func(r result) bool { return r.status == 200 }},
		{"a gateway's page comes after the effect", Fault{Kind: HTML}, true,
			func(r result) bool { return r.status == 502 && strings.HasPrefix(r.raw, "<html>") && r.err != nil }},
		{"half a response comes after the effect", Fault{Kind: TruncatedJSON}, true,
			func(r result) bool { return r.status == 200 && r.err != nil && strings.HasPrefix(r.raw, "{") }},
		{"a response can lack its domains", Fault{Kind: NoDomains}, true,
			func(r result) bool {
				var fields map[string]any
				err := json.Unmarshal(r.Data, &fields)
				_, has := fields["domains"]
				return r.status == 200 && err == nil && fields["id"] == "app1" && !has
			}},
		{"dropped before the effect", Fault{Kind: DropBefore}, false, func(r result) bool { return r.status == 0 && r.err != nil }},
		{"dropped after the effect", Fault{Kind: DropAfter}, true, func(r result) bool { return r.status == 0 && r.err != nil }},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := startSimulator(t, Options{})
			s.FailNext("app1", WriteList, test.fault)
			begin := time.Now()
			if got := write(t, s, "a.example.com"); !test.check(got) {
				t.Errorf("got %d %v %q (%v)", got.status, got.header, got.raw, got.err)
			}
			if took := time.Since(begin); test.fault.Kind == Slow && took < test.fault.For {
				t.Errorf("it took %s only", took)
			}
			history := s.History("app1")
			if applied := len(history) == 1 && slices.Equal(s.List("app1"), []string{"a.example.com"}); applied != test.applied {
				t.Errorf("applied: %t; want %t", applied, test.applied)
			}
			if test.applied && (history[0].Late || history[0].AnsweredAt.IsZero()) {
				t.Errorf("history: %+v", history[0])
			}
			if got := write(t, s, "b.example.com"); got.status != 200 || got.err != nil {
				t.Errorf("the next call: %d %v; a script applies only to its calls", got.status, got.err)
			}
		})
	}
}

func TestALateWriteTakesEffectAfterItsConnection(t *testing.T) {
	t.Parallel()
	s := startSimulator(t, Options{})
	late := make(chan struct{})
	s.FailNext("app1", WriteList, Fault{Kind: ApplyLate, Until: late})
	if got := write(t, s, "late.example.com"); got.err == nil {
		t.Fatalf("got a response: %s", got.raw)
	}
	if list := s.List("app1"); list != nil {
		t.Fatalf("in effect already: %v", list)
	}
	if got := write(t, s, "soon.example.com"); got.status != 200 {
		t.Fatal(got)
	}
	close(late)
	await(t, "the late write", func() bool { return slices.Equal(s.List("app1"), []string{"late.example.com"}) })
	history := s.History("app1")
	if len(history) != 2 || history[0].Late || !history[1].Late || !slices.Equal(history[1].Before, []string{"soon.example.com"}) {
		t.Errorf("history %+v", history)
	}
	if overlaps := s.Overlaps(); len(overlaps) != 1 {
		t.Errorf("overlaps %+v; the second write came before the late one was in effect", overlaps)
	}
}

func TestAWriteIsAppliedEvenIfItsClientIsGone(t *testing.T) {
	t.Parallel()
	s := startSimulator(t, Options{})
	release, left := make(chan struct{}), make(chan struct{})
	s.FailNext("app1", WriteList, Fault{Kind: Slow, Until: release})
	api := s.api.Handler
	s.api.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		context.AfterFunc(r.Context(), func() { close(left) })
		api.ServeHTTP(w, r)
	})
	ctx, leave := context.WithCancel(t.Context())
	r := request(t, s, "POST", "/apps/app1", listBody(t, "a.example.com")).WithContext(ctx)
	ended := make(chan result, 1)
	go func() { ended <- send(r) }()
	await(t, "the call to arrive", func() bool { return s.Calls("app1", WriteList) == 1 })
	leave()
	if got := <-ended; got.err == nil {
		t.Fatal("the call didn't end early")
	}
	<-left // the server has noticed
	if list := s.List("app1"); list != nil {
		t.Fatalf("in effect already: %v", list)
	}
	close(release)
	await(t, "the write", func() bool { return len(s.History("app1")) == 1 })
	if w := s.History("app1")[0]; !w.Late {
		t.Errorf("%+v isn't late", w)
	}
}

func TestScriptsAreForOneAppAndOneKindOfCall(t *testing.T) {
	t.Parallel()
	s := startSimulator(t, Options{Apps: []App{{ID: "app1"}, {ID: "app2"}}})
	s.FailNext("app1", ReadApp, Fault{}, Fault{Kind: Error5xx})
	s.FailNext("app1", ReadApp, Fault{Kind: Error429})
	s.FailNext("", ListApps, Fault{Kind: Error5xx})
	var got []int
	for _, path := range []string{"/apps/app2", "/apps/app1", "/apps/app1", "/apps/app2", "/apps/app1", "/apps/app1", "/apps", "/apps"} {
		got = append(got, call(t, s, "GET", path, "").status)
	}
	if want := []int{200, 200, 500, 200, 429, 200, 500, 200}; !slices.Equal(got, want) {
		t.Errorf("got %v; want %v", got, want)
	}
	if a, b, all := s.Calls("app1", ReadApp), s.Calls("app2", ReadApp), s.Calls("", ReadApp); a != 4 || b != 2 || all != 6 {
		t.Errorf("counted %d, %d and %d", a, b, all)
	}
	if n := s.Calls("", ListApps); n != 2 {
		t.Errorf("counted %d lists of apps", n)
	}
}

func TestRandomFaultsHaveTheirProbability(t *testing.T) {
	t.Parallel()
	s := startSimulator(t, Options{Seed: 7, Faults: Faults{Error5xx: .3, WritesOnly: true}})
	failed := 0
	const writes = 300
	for range writes {
		if write(t, s).status == 500 {
			failed++
		}
	}
	if failed < writes/5 || failed > writes*2/5 {
		t.Errorf("%d of %d writes failed; want about 30 %%", failed, writes)
	}
	s.SetFaults(Faults{Error429: 1, RetryAfter: time.Second, WritesOnly: true})
	if got := write(t, s); got.status != 429 || got.header.Get("Retry-After") != "1" {
		t.Errorf("got %d %v", got.status, got.header)
	}
	if got := call(t, s, "GET", "/apps/app1", ""); got.status != 200 {
		t.Errorf("a read got %d; WritesOnly should exclude it", got.status)
	}
}

func TestFaultsOutOfRangeAreNamed(t *testing.T) {
	t.Parallel()
	for want, f := range map[string]Faults{
		"html":       {HTML: 1.01},
		"drop-after": {DropAfter: -1},
		"slow":       {SlowFor: -1},
	} {
		if _, err := Start(Options{Faults: f}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v; want one about %s", err, want)
		}
	}
}

func TestCloseEndsAllWaits(t *testing.T) {
	t.Parallel()
	s, err := Start(Options{Latency: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	s.FailNext("app1", WriteList, Fault{Kind: ApplyLate, For: time.Hour})
	write(t, s, "late.example.com")
	ended := make(chan result, 1)
	r := request(t, s, http.MethodPost, "/apps/app1", listBody(t, "a.example.com"))
	go func() { ended <- send(r) }()
	await(t, "the call to arrive", func() bool { return s.Calls("app1", WriteList) == 2 })
	s.Close()
	s.Close()
	if got := <-ended; got.err == nil {
		t.Errorf("got %+v", got)
	}
	if list := s.List("app1"); list != nil {
		t.Errorf("Close let a write take effect: %v", list)
	}
}
