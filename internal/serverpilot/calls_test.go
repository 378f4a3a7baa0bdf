package serverpilot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	jsonError = `{"error":{"message":"Domain a.example.com is already used."}}`
	htmlPage  = `<html><body>Bad Gateway</body></html>`
)

func TestKindOfEveryAnswer(t *testing.T) {
	t.Parallel()
	const ok Kind = 0
	for _, tc := range []struct {
		name        string
		status      int
		body        string
		read, write Kind
	}{
		{"200 with the app", 200, goodApp, ok, ok},
		{"201 with the app", 201, goodApp, ok, ok},
		{"202 with the app", 202, goodApp, Retry, WriteUnknown},
		{"204", 204, "", Retry, WriteUnknown},
		{"200 with HTML", 200, htmlPage, Retry, WriteUnknown},
		{"200 with nothing", 200, "", Retry, WriteUnknown},
		{"200 cut off", 200, goodApp[:40], Retry, WriteUnknown},
		{"200 without domains", 200, `{"data":{"id":"app1"}}`, Retry, WriteUnknown},
		{"200 with null for domains", 200, `{"data":{"id":"app1","domains":null}}`, Retry, WriteUnknown},
		{"200 with an object for domains", 200, `{"data":{"id":"app1","domains":{"1":"a.example.com"}}}`, Retry, WriteUnknown},
		{"200 about another app", 200, `{"data":{"id":"app2","domains":[]}}`, Retry, WriteUnknown},
		{"200 with an error in it", 200, jsonError, Retry, WriteUnknown},
		{"200 longer than is read", 200, goodApp + strings.Repeat(" ", maxBody), Retry, WriteUnknown},
		{"301", 301, "", Retry, WriteUnknown},
		{"302 with the app", 302, goodApp, Retry, WriteUnknown},
		{"307", 307, "", Retry, WriteUnknown},
		{"400 with a reason", 400, jsonError, RequestRefused, RequestRefused},
		{"400 with HTML", 400, htmlPage, Retry, Retry},
		{"400 with nothing", 400, "", Retry, Retry},
		{"401", 401, jsonError, Blocked, Blocked},
		{"401 with HTML", 401, htmlPage, Blocked, Blocked},
		{"402", 402, jsonError, Blocked, Blocked},
		{"403", 403, jsonError, Blocked, Blocked},
		{"404", 404, jsonError, Blocked, Blocked},
		{"404 with HTML", 404, htmlPage, Blocked, Blocked},
		{"405", 405, htmlPage, Retry, Retry},
		{"408", 408, "", Retry, Retry},
		{"409", 409, jsonError, Retry, Retry},
		{"413", 413, htmlPage, Retry, Retry},
		{"422 with a reason", 422, jsonError, Retry, Retry},
		{"429", 429, htmlPage, Retry, Retry},
		{"500 with a reason", 500, jsonError, Retry, Retry},
		{"500 with HTML", 500, htmlPage, Retry, WriteUnknown},
		{"500 with an empty error", 500, `{"error":{}}`, Retry, WriteUnknown},
		{"500 with a reason cut off", 500, jsonError[:30], Retry, WriteUnknown},
		{"502", 502, htmlPage, Retry, WriteUnknown},
		{"503 with a reason", 503, jsonError, Retry, Retry},
		{"504", 504, "", Retry, WriteUnknown},
		{"599", 599, "", Retry, WriteUnknown},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := startAPI(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/elsewhere" {
					answers(200, goodApp)(w, r)
					return
				}
				w.Header().Set("Location", "/elsewhere")
				answers(tc.status, tc.body)(w, r)
			})
			c := s.client(t)
			calls := int32(0)
			check := func(op string, err error, want Kind) {
				t.Helper()
				calls++
				if n := s.seen.Load(); n != calls {
					t.Errorf("%s: the server saw %d requests, want %d: nothing is retried, no redirect followed", op, n, calls)
				}
				if want == ok {
					if err != nil {
						t.Errorf("%s: %v", op, err)
					}
					return
				}
				e := AsError(err)
				if e == nil || e.Kind != want || e.Status != tc.status || e.Op != op || e.App != "app1" {
					t.Fatalf("%s: %+v, want kind %v", op, err, want)
				}
				if !strings.Contains(err.Error(), fmt.Sprint(tc.status)) || !strings.Contains(err.Error(), "app1") {
					t.Errorf("%s: the error doesn't name status and app: %v", op, err)
				}
				if tc.body == jsonError && !strings.Contains(err.Error(), "a.example.com is already used.") {
					t.Errorf("%s: the error hides ServerPilot's message: %v", op, err)
				}
				if tc.body == htmlPage && strings.Contains(err.Error(), "html") {
					t.Errorf("%s: the error shows the raw body: %v", op, err)
				}
			}
			_, err := c.App(t.Context(), "app1")
			check(OpApp, err, tc.read)
			_, err = c.SetDomains(t.Context(), "app1", []string{"a.example.com"}, soon())
			check(OpSetDomains, err, tc.write)
			if tc.status >= 300 { // what it answers on success is another matter
				_, err = c.EnableAutoSSL(t.Context(), "app1")
				check(OpEnableAutoSSL, err, tc.write)
			}
		})
	}
}

func TestABlockedErrorSaysWhatToDo(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]string{401: "API key", 402: "no valid card, or its plan is too small", 403: "over the API", 404: "app id"} {
		s := startAPI(t, answers(status, jsonError))
		_, err := s.client(t).App(t.Context(), "app1")
		if e := AsError(err); e == nil || !strings.Contains(e.Message, want) || !strings.Contains(e.Message, "(ServerPilot: Domain a") {
			t.Errorf("%d: %v, want %q and ServerPilot's message", status, err, want)
		}
	}
	s := startAPI(t, answers(404, jsonError))
	if _, err := s.client(t).Server(t.Context(), "srv1"); !strings.Contains(err.Error(), "no such server") {
		t.Errorf("a missing server: %v", err)
	}
}

func TestRetryAfterIsHandedOn(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for header, want := range map[string]time.Duration{
		"120": 2 * time.Minute,
		now.Add(10 * time.Minute).UTC().Format(http.TimeFormat): 10 * time.Minute,
	} {
		s := startAPI(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", header)
			answers(429, "")(w, r)
		})
		c := s.client(t)
		_, readErr := c.App(t.Context(), "app1")
		_, writeErr := c.SetDomains(t.Context(), "app1", nil, soon())
		for _, err := range []error{readErr, writeErr} {
			e := AsError(err)
			if e == nil || e.Kind != Retry || e.RetryAfter > want || e.RetryAfter < want-5*time.Second {
				t.Errorf("%s: %+v, want about %v", header, err, want)
			}
		}
	}
}

func TestRequestsAreAsTheAPIWantsThem(t *testing.T) {
	t.Parallel()
	type request struct{ Method, Path, Body, ContentType, Agent, User, Key string }
	var got []request
	s := startAPI(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		user, key, _ := r.BasicAuth()
		got = append(got, request{r.Method, r.URL.Path, string(b), r.Header.Get("Content-Type"), r.UserAgent(), user, key})
		if strings.HasPrefix(r.URL.Path, "/v1/servers") {
			w.Header().Set("Date", "Wed, 01 Mar 2028 12:00:00 GMT")
			answers(200, `{"data":{"id":"srv1","name":"web","lastaddress":"198.51.100.4","lastconn":1835523000}}`)(w, r)
			return
		}
		if strings.HasPrefix(r.URL.Path, "/v1/actions") {
			answers(200, `{"data":{"id":"act1","serverid":"srv1","status":"error","datecreated":1835523000}}`)(w, r)
			return
		}
		answers(200, goodApp)(w, r)
	})
	c, err := New(Config{BaseURL: s.URL + "/v1/", ClientID: testClient, APIKey: testKey, UserAgent: "pilotsync/1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	ctx := t.Context()

	app, err := c.App(ctx, "app1")
	if err != nil || app.Name != "shop" {
		t.Fatalf("App: %+v, %v", app, err)
	}
	server, err := c.Server(ctx, "srv1")
	if err != nil || server.LastAddress.String() != "198.51.100.4" {
		t.Fatalf("Server: %+v, %v", server, err)
	}
	if at := server.DisconnectedSince(); !at.Equal(time.Date(2028, 3, 1, 11, 30, 0, 0, time.UTC)) {
		t.Errorf("by ServerPilot's own clock it is disconnected since %s", at)
	}
	written, err := c.SetDomains(ctx, "app1", []string{"x.example.com", "y.example.com"}, soon())
	if diff := cmp.Diff(Written{Domains: []string{"a.example.com", "b.example.com"}}, written); err != nil || diff != "" {
		t.Fatalf("SetDomains returns what was answered: %v\n%s", err, diff)
	}
	for _, empty := range [][]string{nil, {}} {
		if _, err := c.SetDomains(ctx, "app1", empty, soon()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.EnableAutoSSL(ctx, "app1"); err != nil {
		t.Fatal(err)
	}

	action, err := c.Action(ctx, "act1")
	if err != nil || action != (Action{ID: "act1", Status: ActionError}) {
		t.Fatalf("Action: %+v, %v", action, err)
	}

	read := request{"GET", "/v1/apps/app1", "", "", "pilotsync/1", testClient, testKey}
	write := request{"POST", "/v1/apps/app1", `{"domains":[]}`, "application/json", "pilotsync/1", testClient, testKey}
	readServer, readAction, full, ssl := read, read, write, write
	readAction.Path = "/v1/actions/act1"
	readServer.Path = "/v1/servers/srv1"
	full.Body = `{"domains":["x.example.com","y.example.com"]}`
	ssl.Path, ssl.Body = "/v1/apps/app1/ssl", `{"auto":true}`
	if diff := cmp.Diff([]request{read, readServer, full, write, write, ssl, readAction}, got); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestTheActionOfAWriteIsReturned(t *testing.T) {
	t.Parallel()
	app := strings.TrimSuffix(goodApp, "}")
	for added, want := range map[string]string{
		`}`: "", `,"actionid":"tkXl5y1dnGn"}`: "tkXl5y1dnGn", `,"actionid":null}`: "",
		`,"actionid":7}`: "", `,"actionid":"../apps"}`: "", // no ids
	} {
		c := startAPI(t, answers(200, app+added)).client(t)
		written, err := c.SetDomains(t.Context(), "app1", []string{"a.example.com"}, soon())
		if err != nil || written.ActionID != want {
			t.Errorf("SetDomains, %s: %q, %v", added, written.ActionID, err)
		}
		if action, err := c.EnableAutoSSL(t.Context(), "app1"); err != nil || action != want {
			t.Errorf("EnableAutoSSL, %s: %q, %v", added, action, err)
		}
	}
}

func TestAnAnswerAboutAnotherActionIsAnError(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]Kind{
		`{"data":{"id":"act2","status":"success"}}`: Retry, `{"data":{"id":"act1"}}`: Retry, `{"data":{"id":"act1","status":7}}`: Retry, htmlPage: Retry,
	} {
		if _, err := startAPI(t, answers(200, body)).client(t).Action(t.Context(), "act1"); AsError(err) == nil || AsError(err).Kind != want {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func TestEnableAutoSSLNeedsADataObject(t *testing.T) {
	t.Parallel()
	for body, ok := range map[string]bool{`{"data":{"auto":true},"actionid":"x"}`: true, `{"data":{}}`: true, `{}`: false, htmlPage: false} {
		s := startAPI(t, answers(200, body))
		_, err := s.client(t).EnableAutoSSL(t.Context(), "app1")
		if e := AsError(err); (err == nil) != ok || e != nil && e.Kind != WriteUnknown {
			t.Errorf("%s: %v, want ok %v", body, err, ok)
		}
	}
}

func TestAnIDThatCannotBeOneIsNotSent(t *testing.T) {
	t.Parallel()
	s := startAPI(t, answers(200, goodApp))
	c := s.client(t)
	for _, id := range []string{"", ".", "..", "a/ssl", "a?b", "a b", "a%2fb", strings.Repeat("a", 65)} {
		_, err1 := c.App(t.Context(), id)
		_, err2 := c.Server(t.Context(), id)
		_, err3 := c.SetDomains(t.Context(), id, nil, soon())
		_, err4 := c.EnableAutoSSL(t.Context(), id)
		for _, err := range []error{err1, err2, err3, err4} {
			if e := AsError(err); e == nil || e.Kind != Blocked {
				t.Errorf("%q: %v, want Blocked", id, err)
			}
		}
	}
	if n := s.seen.Load(); n != 0 {
		t.Errorf("the server saw %d requests", n)
	}
}

func TestNoAnswerBringsTheKeyIntoAnError(t *testing.T) {
	t.Parallel()
	message := func(status int, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			text := strings.ReplaceAll(text, "AUTH", r.Header.Get("Authorization"))
			answers(status, fmt.Sprintf(`{"error":{"message":%q}}`, text))(w, r)
		}
	}
	for name, handler := range map[string]http.HandlerFunc{
		"the header in a 400":      message(400, "bad header AUTH"),
		"the header in a 401":      message(401, "bad header AUTH"),
		"the header in a 500":      message(500, "bad header AUTH"),
		"the key in a 401":         message(401, "bad key "+testKey),
		"a private key in a 400":   message(400, "bad key -----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----"),
		"the key as the body":      answers(500, testKey),
		"the key as the app's id":  answers(200, `{"data":{"id":"`+testKey+`","domains":[]}}`),
		"the key as the status":    raw("HTTP/1.1 " + testKey + " x\r\n\r\n"),
		"the key instead of HTTP":  raw("Authorization: " + testKey + "\r\n\r\n"),
		"the key as a bad header":  raw("HTTP/1.1 200 OK\r\n" + testKey + "\r\n\r\n"),
		"the key as bad length":    raw("HTTP/1.1 200 OK\r\nContent-Length: " + testKey + "\r\n\r\n"),
		"the key as bad encoding":  raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: " + testKey + "\r\n\r\n"),
		"the header in bad status": rawAuth("HTTP/1.1 AUTH\r\n\r\n"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := startAPI(t, handler).client(t)
			_, readErr := c.App(t.Context(), "app1")
			_, writeErr := c.SetDomains(t.Context(), "app1", nil, soon())
			for _, err := range []error{readErr, writeErr} {
				if err == nil {
					t.Fatal("no error")
				}
				for ; err != nil; err = errors.Unwrap(err) {
					for _, verb := range []string{"%v", "%+v", "%#v", "%q"} {
						mustNotLeak(t, fmt.Sprintf(verb, err))
					}
				}
			}
		})
	}
}

// raw answers with any bytes, and closes the connection.
func raw(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		_, _ = io.WriteString(conn, text)
		_ = conn.Close()
	}
}

func rawAuth(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		raw(strings.ReplaceAll(text, "AUTH", r.Header.Get("Authorization")))(w, r)
	}
}

func TestACanceledContextIsRecognized(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	s := startAPI(t, func(w http.ResponseWriter, r *http.Request) {
		cancel()
		hang(w, r)
	})
	c := s.client(t)
	_, err := c.SetDomains(ctx, "app1", nil, soon())
	if e := AsError(err); e == nil || e.Kind != WriteUnknown || !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "by the caller") {
		t.Errorf("canceled once sent: %v, want Unknown and context.Canceled", err)
	}
	_, err = c.SetDomains(ctx, "app1", nil, soon())
	if e := AsError(err); e == nil || e.Kind != Retry || !errors.Is(err, context.Canceled) || errors.Is(err, ErrTooLate) {
		t.Errorf("canceled before it was sent: %v, want Retry and context.Canceled", err)
	}
	_, err = c.App(ctx, "app1")
	if e := AsError(err); e == nil || e.Kind != Retry || !errors.Is(err, context.Canceled) {
		t.Errorf("a canceled read: %v, want Retry and context.Canceled", err)
	}
	if n := s.seen.Load(); n != 1 {
		t.Errorf("the server saw %d requests, want 1", n)
	}
}

func TestAnUnresolvableHostIsNamed(t *testing.T) {
	t.Parallel()
	err := &Error{Kind: Retry, Op: OpApp, App: "app1", Err: fmt.Errorf("dial tcp: %w", &net.DNSError{Err: "no such host", Name: "api.example.invalid", IsNotFound: true})}
	const want = "read app app1: DNS can't resolve api.example.invalid (no such host); check SERVERPILOT_API_URL and this machine's resolver"
	if got := err.Error(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
