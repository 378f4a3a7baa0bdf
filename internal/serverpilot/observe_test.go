package serverpilot

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestEachCallIsObservedOnceWithItsStatus(t *testing.T) {
	t.Parallel()
	type call struct {
		Op     string
		Status int
	}
	var calls []call
	s := startAPI(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/servers/srv1":
			panic(http.ErrAbortHandler) // the connection ends without an answer
		case r.Method == http.MethodPost:
			answers(http.StatusInternalServerError, "{}")(w, r)
		default:
			answers(http.StatusOK, goodApp)(w, r)
		}
	})
	c, err := New(Config{BaseURL: s.URL, ClientID: testClient, APIKey: testKey, Observe: func(op string, status int, took time.Duration) {
		if took <= 0 || took > CallTimeout {
			t.Errorf("%s took %s", op, took)
		}
		calls = append(calls, call{op, status})
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	if _, err := c.App(t.Context(), "app1"); err != nil {
		t.Error(err)
	}
	if _, err := c.SetDomains(t.Context(), "app1", nil, soon()); err == nil {
		t.Error("a write that failed was taken for done")
	}
	if _, err := c.EnableAutoSSL(t.Context(), "app1"); err == nil {
		t.Error("a write that failed was taken for done")
	}
	if _, err := c.Server(t.Context(), "srv1"); err == nil {
		t.Error("a call without an answer was taken for done")
	}
	want := []call{{OpApp, 200}, {OpSetDomains, 500}, {OpEnableAutoSSL, 500}, {OpServer, 0}}
	if diff := cmp.Diff(want, calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}
