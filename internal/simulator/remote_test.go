package simulator

import (
	stdcmp "cmp"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRemoteMatchesTheMethods(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := startSimulator(t, Options{Apps: []App{{ID: "app1"}, {ID: "app2", Domains: []string{"z.example.com"}}}})
	remote := NewRemote(s.APIURL())

	if err := remote.SetListByHand(ctx, "app1", []string{"by-hand.example.com"}); err != nil {
		t.Fatal(err)
	}
	write(t, s, "by-hand.example.com", "a.example.com")
	lists, err := remote.Lists(ctx)
	want := map[string][]string{"app1": {"by-hand.example.com", "a.example.com"}, "app2": {"z.example.com"}}
	if diff := cmp.Diff(want, lists); diff != "" || err != nil {
		t.Errorf("error %v, lists (-want +got):\n%s", err, diff)
	}

	sameMoment := cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) })
	history, err := remote.History(ctx, "app1")
	if diff := cmp.Diff(s.History("app1"), history, sameMoment); diff != "" || err != nil || len(history) != 2 {
		t.Errorf("error %v, history (-want +got):\n%s", err, diff)
	}
	if history, err := remote.History(ctx, "app2"); err != nil || len(history) != 0 {
		t.Errorf("the other app's history is %v, %v", history, err)
	}
	if n, err := remote.Calls(ctx, "app1", WriteList); n != 1 || err != nil {
		t.Errorf("counted %d, %v", n, err)
	}
	if n, err := remote.Calls(ctx, "app2", WriteList); n != 0 || err != nil {
		t.Errorf("counted %d for the other app, %v", n, err)
	}

	if overlaps, err := remote.Overlaps(ctx); err != nil || len(overlaps) != 0 {
		t.Errorf("overlaps %v, %v", overlaps, err)
	}
	late := make(chan struct{})
	s.FailNext("app1", WriteList, Fault{Kind: ApplyLate, Until: late})
	write(t, s, "late.example.com")
	write(t, s, "soon.example.com")
	close(late)
	await(t, "the late write", func() bool { return slices.Equal(s.List("app1"), []string{"late.example.com"}) })
	if overlaps, err := remote.Overlaps(ctx); err != nil || len(overlaps) != 1 {
		t.Errorf("overlaps %v, %v", overlaps, err)
	}

	if err := remote.SetBehaviour(ctx, "b.example.com", Behaviour{Refused: "no"}); err != nil {
		t.Fatal(err)
	}
	if got := write(t, s, "b.example.com"); got.status != 400 {
		t.Errorf("status %d", got.status)
	}
	for _, since := range []time.Time{time.Unix(1403130551, 0), {}} {
		if err := remote.Disconnect(ctx, since); err != nil {
			t.Fatal(err)
		}
		old := strings.Contains(call(t, s, "GET", "/servers/server1", "").raw, `"lastconn":1403130551`)
		if old == since.IsZero() {
			t.Errorf("disconnected since %s: %v", since, old)
		}
	}
	for _, status := range []int{402, 403, 404, 409, 0} {
		want := stdcmp.Or(status, 200)
		if err := remote.SetAppStatus(ctx, "app1", status); err != nil {
			t.Fatal(err)
		}
		if got := call(t, s, "GET", "/apps/app1", ""); got.status != want {
			t.Errorf("the app answers %d, want %d", got.status, want)
		}
		if err := remote.SetAccountStatus(ctx, status); err != nil {
			t.Fatal(err)
		}
		if got := call(t, s, "GET", "/apps", ""); got.status != want {
			t.Errorf("the account gets %d, want %d", got.status, want)
		}
		if err := remote.SetAccountStatus(ctx, 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := remote.SetFaults(ctx, Faults{Error5xx: 1}); err != nil {
		t.Fatal(err)
	}
	if got := write(t, s); got.status != 500 {
		t.Errorf("status %d", got.status)
	}
}

func TestRemoteReturnsClearErrors(t *testing.T) {
	t.Parallel()
	s := startSimulator(t, Options{})
	remote := NewRemote(s.APIURL())
	for want, err := range map[string]error{
		`no app "other"`:                 remote.SetListByHand(t.Context(), "other", nil),
		`no app "another"`:               remote.SetAppStatus(t.Context(), "another", 403),
		"the status is 200":              remote.SetAccountStatus(t.Context(), 200),
		"probability of html is 2":       remote.SetFaults(t.Context(), Faults{HTML: 2}),
		"name is missing":                remote.SetBehaviour(t.Context(), "", Behaviour{}),
		"connection refused":             NewRemote("http://127.0.0.1:1/v1").SetFaults(t.Context(), Faults{}),
		`unknown field "eror_5xx"`:       remote.do(t.Context(), http.MethodPost, "/faults", map[string]int{"eror_5xx": 1}, nil),
		"GET /nothing: 404 Not Found: 4": remote.do(t.Context(), http.MethodGet, "/nothing", nil, nil),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v; want one with %s", err, want)
		}
	}
}
