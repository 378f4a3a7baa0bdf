package serverpilot

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"pilotsync/internal/retryafter"

	"github.com/google/go-cmp/cmp"
)

func TestDecodeApp(t *testing.T) {
	t.Parallel()
	app := func(fields string) string { return `{"data":{"id":"app1",` + fields + `}}` }
	for name, tc := range map[string]struct {
		body string
		want App
		err  string
	}{
		"a whole app": {body: goodApp, want: App{ID: "app1", Name: "shop", ServerID: "srv1",
			Domains: []string{"a.example.com", "b.example.com"},
			SSL:     SSL{Custom: true, Force: true},
			AutoSSL: AutoSSL{Reported: true, Available: true, Domains: []string{"a.example.com"}}}},
		"an app without domains has a list that is empty, not nil": {body: app(`"domains":[]`), want: App{ID: "app1", Domains: []string{}}},
		"no ssl and no certificate":                                {body: app(`"domains":["a"],"ssl":null,"autossl":{"available":false}`), want: App{ID: "app1", Domains: []string{"a"}, AutoSSL: AutoSSL{Reported: true}}},
		"null for autossl":                                         {body: app(`"domains":["a"],"ssl":null,"autossl":null`), want: App{ID: "app1", Domains: []string{"a"}}},
		"autossl with null for domains":                            {body: app(`"domains":["a"],"autossl":{"available":false,"domains":null}`), want: App{ID: "app1", Domains: []string{"a"}, AutoSSL: AutoSSL{Reported: true}}},
		"AutoSSL is on": {body: app(`"domains":["a"],"ssl":{"key":"k","cert":"c","auto":true,"force":false}`),
			want: App{ID: "app1", Domains: []string{"a"}, SSL: SSL{Auto: true}}},
		"ssl off and without a certificate isn't a custom one": {body: app(`"domains":["a"],"ssl":{"cert":null,"auto":false}`), want: App{ID: "app1", Domains: []string{"a"}}},

		"domains missing":             {body: app(`"name":"x"`), err: "no domains array"},
		"domains null":                {body: app(`"domains":null`), err: "no domains array"},
		"domains twice, then null":    {body: app(`"domains":["a"],"domains":null`), err: "no domains array"},
		"domains an object":           {body: app(`"domains":{"0":"a"}`), err: "not an array"},
		"domains an empty object":     {body: app(`"domains":{}`), err: "not an array"},
		"domains a string":            {body: app(`"domains":"a"`), err: "not an array"},
		"domains false":               {body: app(`"domains":false`), err: "not an array"},
		"domains with a null":         {body: app(`"domains":["a",null]`), err: "empty name"},
		"domains with an empty name":  {body: app(`"domains":[""]`), err: "empty name"},
		"domains with a number":       {body: app(`"domains":[1]`), err: "array of strings"},
		"ssl a string":                {body: app(`"domains":["a"],"ssl":"MIIE"`), err: "isn't the expected JSON"},
		"another app":                 {body: `{"data":{"id":"app2","domains":[]}}`, err: `about app "app2"`},
		"no id":                       {body: `{"data":{"domains":[]}}`, err: `about app ""`},
		"no data":                     {body: `{}`, err: "no data"},
		"data null":                   {body: `{"data":null}`, err: "no data"},
		"data a list":                 {body: `{"data":[` + app(`"domains":[]`) + `]}`, err: "isn't the expected JSON"},
		"an error in a good answer":   {body: `{"error":{"message":"no"}}`, err: "no data"},
		"null":                        {body: `null`, err: "no data"},
		"nothing":                     {body: ``, err: "isn't the expected JSON"},
		"HTML":                        {body: `<html>`, err: "isn't the expected JSON"},
		"cut off":                     {body: goodApp[:len(goodApp)-1], err: "isn't the expected JSON"},
		"something behind the answer": {body: goodApp + `x`, err: "isn't the expected JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := decodeApp("app1", []byte(tc.body))
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("app (-want +got):\n%s", diff)
			}
			if (err == nil) != (tc.err == "") || err != nil && !strings.Contains(err.Error(), tc.err) {
				t.Errorf("error %v, want %q", err, tc.err)
			}
			if err != nil {
				mustNotLeak(t, err.Error())
			}
			if b, _ := json.Marshal(got); strings.Contains(string(b), "BEGIN") {
				t.Errorf("the app holds the key: %s", b)
			}
		})
	}
}

func TestDecodeServer(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		body string
		want Server
		err  string
	}{
		"IPv4":               {body: `{"data":{"id":"s1","name":"n","lastaddress":"198.51.100.4"}}`, want: Server{ID: "s1", Name: "n", LastAddress: netip.MustParseAddr("198.51.100.4")}},
		"IPv6":               {body: `{"data":{"id":"s1","lastaddress":"2001:db8::1"}}`, want: Server{ID: "s1", LastAddress: netip.MustParseAddr("2001:db8::1")}},
		"none known yet":     {body: `{"data":{"id":"s1","lastaddress":null}}`, want: Server{ID: "s1"}},
		"lastconn":           {body: `{"data":{"id":"s1","lastconn":1403130551}}`, want: Server{ID: "s1", LastConn: time.Unix(1403130551, 0).UTC()}},
		"no lastconn yet":    {body: `{"data":{"id":"s1","lastconn":null}}`, want: Server{ID: "s1"}},
		"another lastconn":   {body: `{"data":{"id":"s1","lastconn":"now"}}`, want: Server{ID: "s1"}},
		"not an address":     {body: `{"data":{"id":"s1","lastaddress":"web1"}}`, err: "no address"},
		"another server":     {body: `{"data":{"id":"s2","lastaddress":"198.51.100.4"}}`, err: `about server "s2"`},
		"not a JSON answer":  {body: `<html>`, err: "isn't the expected JSON"},
		"an address in list": {body: `{"data":{"id":"s1","lastaddress":["198.51.100.4"]}}`, err: "isn't the expected JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := decodeServer("s1", []byte(tc.body))
			if got != tc.want {
				t.Errorf("got %+v, want %+v", got, tc.want)
			}
			if (err == nil) != (tc.err == "") || err != nil && !strings.Contains(err.Error(), tc.err) {
				t.Errorf("error %v, want %q", err, tc.err)
			}
		})
	}
}

func TestAnswersAboutAllApps(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		body string
		want []App
		err  string
	}{
		"two apps": {body: `{"data":[{"id":"app1","serverid":"srv1","domains":["a.example.com"],"ssl":{"key":"k","cert":"c","auto":true}},{"id":"app2","domains":[],"ssl":null}]}`,
			want: []App{{ID: "app1", ServerID: "srv1", Domains: []string{"a.example.com"}, SSL: SSL{Auto: true}}, {ID: "app2", Domains: []string{}}}},
		"no apps":               {body: `{"data":[]}`, want: []App{}},
		"an app without a list": {body: `{"data":[{"id":"app1","domains":[]},{"id":"app2"}]}`, err: `app "app2": the answer holds no domains array`},
		"one app":               {body: goodApp, err: "isn't the expected JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := decodeApps("", []byte(tc.body))
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("apps (-want +got):\n%s", diff)
			}
			if (err == nil) != (tc.err == "") || err != nil && !strings.Contains(err.Error(), tc.err) {
				t.Errorf("error %v, want %q", err, tc.err)
			}
		})
	}
}

// FuzzAnswer: whatever comes back, nothing panics, a success always has a list,
// and an error never shows the key.
func FuzzAnswer(f *testing.F) {
	for _, body := range []string{goodApp, `{"data":{"id":"app1","domains":null}}`, `{"data":{"id":"app1","domains":{}}}`, `<html>`, ``,
		`{"error":{"message":"bad key ` + testKey + `"}}`, `{"error":{"message":"Basic Y2lkX3Rlc3Q6azN5VGhhdE11c3ROZXZlckJlU2Vlbg=="}}`, testKey} {
		for _, status := range []int{200, 201, 204, 302, 400, 401, 429, 500} {
			f.Add(status, []byte(body), "60", true)
			f.Add(status, []byte(body), testKey, false)
		}
	}
	c, err := New(Config{BaseURL: "https://api.example.com", ClientID: testClient, APIKey: testKey})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, status int, body []byte, after string, write bool) {
		op := OpApp
		if write {
			op = OpSetDomains
		}
		a := answer{status: status, header: http.Header{"Retry-After": {after}}, body: body}
		app, err := resultOf(c, op, "app1", a, decodeApp)
		if err == nil {
			if app.Domains == nil || app.ID != "app1" {
				t.Fatalf("a success without a list, or for another app: %+v", app)
			}
			return
		}
		if app.Domains != nil {
			t.Fatalf("an error with a list: %+v", app)
		}
		e := AsError(err)
		if e == nil || e.Kind < Retry || e.Kind > RequestRefused || !write && e.Kind == WriteUnknown {
			t.Fatalf("status %d: error %#v", status, e)
		}
		if e.RetryAfter < 0 || e.RetryAfter > retryafter.Max {
			t.Fatalf("RetryAfter %v", e.RetryAfter)
		}
		mustNotLeak(t, err.Error())
	})
}

func TestAServerIsDisconnectedAfterTenMinutes(t *testing.T) {
	t.Parallel()
	now := time.Date(2028, 3, 1, 12, 0, 0, 0, time.UTC)
	for ago, disconnected := range map[time.Duration]bool{-time.Minute: false, 0: false, 10 * time.Minute: false, 10*time.Minute + time.Second: true} {
		s := Server{LastConn: now.Add(-ago), ReadAt: now}
		if got := s.DisconnectedSince(); got.IsZero() == disconnected || disconnected && got != s.LastConn {
			t.Errorf("%s ago: %s", ago, got)
		}
	}
	if got := (Server{ReadAt: now}).DisconnectedSince(); !got.IsZero() {
		t.Errorf("a server of which ServerPilot knows no connection: %s", got)
	}
}
