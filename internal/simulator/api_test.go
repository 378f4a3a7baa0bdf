package simulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAWriteReplacesTheWholeList(t *testing.T) {
	t.Parallel()
	s := startSimulator(t, Options{Apps: []App{{ID: "app1", Domains: []string{"by-hand.example.com"}}}})

	first := write(t, s, "b.example.com", "a.example.com")
	if got := first.app(t).Domains; !cmp.Equal(got, []string{"b.example.com", "a.example.com"}) {
		t.Errorf("the answer's domains are %v", got)
	}
	if first.ActionID == "" {
		t.Error("a change came without an action")
	}
	if again := write(t, s, "b.example.com", "a.example.com"); again.status != 200 || again.ActionID != "" {
		t.Errorf("a write that changed nothing: %+v", again)
	}
	if got := write(t, s).app(t).Domains; got == nil || len(got) != 0 {
		t.Errorf("an emptied list is %#v", got)
	}
	var action struct{ ID, ServerID, Status string }
	if err := json.Unmarshal(call(t, s, "GET", "/actions/"+first.ActionID, "").Data, &action); err != nil {
		t.Fatal(err)
	}
	if action.ID != first.ActionID || action.ServerID != "server1" || action.Status != "success" {
		t.Errorf("action %+v", action)
	}

	type change struct{ Before, After []string }
	var got []change
	for i, w := range s.History("app1") {
		got = append(got, change{w.Before, w.After})
		if w.Index != i || w.ReceivedAt.After(w.AppliedAt) || w.AppliedAt.After(w.AnsweredAt) || w.Late || w.ByHand {
			t.Errorf("write %d: %+v", i, w)
		}
	}
	want := []change{
		{[]string{"by-hand.example.com"}, []string{"b.example.com", "a.example.com"}},
		{[]string{"b.example.com", "a.example.com"}, []string{"b.example.com", "a.example.com"}},
		{[]string{"b.example.com", "a.example.com"}, []string{}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
	}
}

func TestARequestThatIsCutOffHasNoEffect(t *testing.T) {
	t.Parallel()
	s := startSimulator(t, Options{Apps: []App{{ID: "app1", Domains: []string{"a.example.com"}}}})
	tooLong := `{"domains":["` + strings.Repeat("b", maxBody) + `"]}`
	if got := send(request(t, s, "POST", "/apps/app1", tooLong)); got.status != 0 {
		t.Errorf("a body of more than %d bytes is answered: %+v", maxBody, got)
	}
	s.FailNext("app1", ReadApp, Fault{Kind: ApplyLate}) // of a read there is nothing to apply
	if got := send(request(t, s, "GET", "/apps/app1", "")); got.status != 0 {
		t.Errorf("it is answered: %+v", got)
	}
	if got := call(t, s, "GET", "/apps/app1", "").app(t).Domains; !cmp.Equal(got, []string{"a.example.com"}) || len(s.History("app1")) != 0 {
		t.Errorf("the list is %v, after %d writes", got, len(s.History("app1")))
	}
}

func TestRequestsAreValidatedAsDocumented(t *testing.T) {
	t.Parallel()
	s := startSimulator(t, Options{Apps: []App{{ID: "app1", Domains: []string{"old-refused.example.com"}}}})
	many := func(n int) string {
		names := make([]string, n)
		for i := range names {
			names[i] = fmt.Sprintf("n%d.example.com", i)
		}
		return listBody(t, names...)
	}
	good := listBody(t, "a.example.com")
	for _, test := range []struct {
		name         string
		method, path string // POST /apps/app1 unless given
		body         string
		modify       func(*http.Request)
		status       int
		message      string
	}{
		{name: "a valid list", body: good, status: 200},
		{name: "300 names", body: many(300), status: 200},
		{name: "a wildcard", body: listBody(t, "*.example.com"), status: 200},
		{name: "a refused name that is listed already", body: listBody(t, "old-refused.example.com"), status: 200},
		{name: "JSON with a charset", body: good, status: 200, modify: func(r *http.Request) { r.Header.Set("Content-Type", "application/json; charset=utf-8") }},
		{name: "301 names", body: many(301), status: 400, message: "at most 300"},
		{name: "an object for the array", body: `{"domains":{"0":"a.example.com"}}`, status: 400, message: "array of strings"},
		{name: "a number for a name", body: `{"domains":[1]}`, status: 400, message: "array of strings"},
		{name: "null for the array", body: `{"domains":null}`, status: 400, message: "array of strings"},
		{name: "null for a name", body: `{"domains":[null]}`, status: 400, message: "not a valid domain"},
		{name: "no field", body: `{}`, status: 400, message: "missing argument: runtime or domains"},
		{name: "an unknown field beside a list", body: `{"domains":[],"name":"x"}`, status: 200},
		{name: "a field in capitals", body: `{"Domains":[]}`, status: 400, message: "missing argument: runtime or domains"},
		{name: "no JSON", body: "domains[]=a.example.com", status: 400, message: "JSON object"},
		{name: "something after the JSON", body: good + "x", status: 400, message: "JSON object"},
		{name: "no body", status: 400, message: "JSON object"},
		{name: "a name with a space", body: listBody(t, "a b.example.com"), status: 400, message: `"a b.example.com"`},
		{name: "a name with an underscore", body: listBody(t, "a_b.example.com"), status: 400, message: "not a valid"},
		{name: "a name in Unicode", body: listBody(t, "bücher.example.com"), status: 400, message: "not a valid"},
		{name: "a single label", body: listBody(t, "localhost"), status: 400, message: "not a valid"},
		{name: "an IP address", body: listBody(t, "192.0.2.1"), status: 200},
		{name: "something like an IP address", body: listBody(t, "192.0.2"), status: 400, message: "not a valid"},
		{name: "an address with a zone", body: listBody(t, "fe80::1%eth0"), status: 400, message: "not a valid"},
		{name: "a trailing dot", body: listBody(t, "a.example.com."), status: 400, message: "not a valid"},
		{name: "a label of 64 bytes", body: listBody(t, strings.Repeat("a", 64)+".example.com"), status: 400, message: "not a valid"},
		{name: "a name of 254 bytes", body: listBody(t, strings.Repeat("a23456789.", 25)+"abcd"), status: 400, message: "not a valid"},
		{name: "a refused name", body: listBody(t, "a.example.com", "shop-refused.example.com"), status: 400, message: "shop-refused.example.com: this domain is not allowed"},
		{name: "the www form of a refused name", body: listBody(t, "www.refused.example.com"), status: 400, message: "www.refused.example.com"},
		{name: "no credentials", body: good, status: 401, message: "API key", modify: func(r *http.Request) { r.Header.Del("Authorization") }},
		{name: "a wrong key", body: good, status: 401, message: "API key", modify: func(r *http.Request) { r.SetBasicAuth("sim", "wrong") }},
		{name: "JSON as a form's content type", body: good, status: 200, modify: func(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") }},
		{name: "no content type", body: good, status: 200, modify: func(r *http.Request) { r.Header.Del("Content-Type") }},
		{name: "an unknown app", path: "/apps/other", body: good, status: 404, message: "other"},
		{name: "an unknown method", method: "PUT", body: good, status: 404, message: "PUT"},
		{name: "an unknown path", method: "GET", path: "/domains", status: 404, message: "/v1/domains"},
		{name: "an unknown server", method: "GET", path: "/servers/other", status: 404, message: "other"},
		{name: "an unknown action", method: "GET", path: "/actions/other", status: 404, message: "other"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.method == "" {
				test.method = http.MethodPost
			}
			if test.path == "" {
				test.path = "/apps/app1"
			}
			s.EditByHand("app1", func([]string) []string { return []string{"old-refused.example.com"} })
			writes := len(s.History("app1"))
			r := request(t, s, test.method, test.path, test.body)
			if test.modify != nil {
				test.modify(r)
			}
			got := send(r)
			if got.err != nil || got.status != test.status || !strings.Contains(got.Error.Message, test.message) {
				t.Errorf("got %d %s (%v); want %d with %q", got.status, got.raw, got.err, test.status, test.message)
			}
			if kind := got.header.Get("Content-Type"); kind != "application/json" {
				t.Errorf("the answer's type is %q", kind)
			}
			if accepted := len(s.History("app1")) - writes; accepted != 0 && test.status != 200 {
				t.Error("a refused write is in the history")
			}
		})
	}
}

func TestEachAccountSeesOnlyItsApps(t *testing.T) {
	t.Parallel()
	s := startSimulator(t, Options{
		Apps:     []App{{ID: "a"}, {ID: "b", ServerID: "server2"}, {ID: "c"}},
		Accounts: []Account{{ClientID: "sim", APIKey: "sim-key", Apps: []string{"a", "c"}}, {ClientID: "other", APIKey: "k"}},
	})
	var listed []map[string]any
	if err := json.Unmarshal(call(t, s, "GET", "/apps", "").Data, &listed); err != nil {
		t.Fatal(err)
	}
	var ids []any
	for _, app := range listed {
		ids = append(ids, app["id"])
		if _, has := app["autossl"]; has {
			t.Error("GET /apps has the autossl key, which only GET /apps/:id has")
		}
	}
	if diff := cmp.Diff([]any{"a", "c"}, ids); diff != "" {
		t.Errorf("apps (-want +got):\n%s", diff)
	}
	for path, want := range map[string]int{"/apps/a": 200, "/apps/b": 404, "/servers/server1": 200, "/servers/server2": 404} {
		if got := call(t, s, "GET", path, ""); got.status != want {
			t.Errorf("%s: status %d; want %d", path, got.status, want)
		}
	}
	if got := call(t, s, "GET", "/servers/server1", ""); !strings.Contains(got.raw, `"lastaddress":"127.0.0.1"`) {
		t.Errorf("server: %s", got.raw)
	}
	other := request(t, s, "GET", "/apps/b", "")
	other.SetBasicAuth("other", "k")
	if got := send(other); got.status != 200 {
		t.Errorf("the account with all apps gets %d", got.status)
	}
}

func TestErrorStatusesLastUntilTheyAreCleared(t *testing.T) {
	t.Parallel()
	s := startSimulator(t, Options{Apps: []App{{ID: "app1"}, {ID: "app2"}}})
	status := func(app string) int { return call(t, s, "GET", "/apps/"+app, "").status }

	s.SetAccountStatus(402)
	if status("app1") != 402 || status("app2") != 402 || call(t, s, "GET", "/apps", "").status != 402 {
		t.Error("a call of an unpaid account succeeded")
	}
	s.SetAccountStatus(0)
	s.SetAppStatus("app1", 404)
	if status("app1") != 404 || status("app2") != 200 {
		t.Error("only the deleted app must be missing")
	}
	if got := write(t, s, "a.example.com"); got.status != 404 || s.List("app1") != nil {
		t.Errorf("a write to a deleted app: %d, list %v", got.status, s.List("app1"))
	}
	s.SetAppStatus("app1", 0)
	if status("app1") != 200 {
		t.Error("the app didn't come back")
	}
}

func TestAListSetByHandIsNotChecked(t *testing.T) {
	t.Parallel()
	s := startSimulator(t, Options{})
	if err := s.EditByHand("app1", func(list []string) []string { return append(list, "not_valid") }); err != nil {
		t.Fatal(err)
	}
	if got := write(t, s, "not_valid"); got.status != 400 {
		t.Errorf("writing the list unchanged: status %d; want 400, because it has an invalid name", got.status)
	}
	if history := s.History("app1"); len(history) != 1 || !history[0].ByHand {
		t.Errorf("history %+v", history)
	}
	if err := s.EditByHand("other", func(list []string) []string { return list }); err == nil {
		t.Error("an unknown app is no error")
	}
}
