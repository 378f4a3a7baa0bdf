package simulator

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"
)

func actionStatus(t *testing.T, s *Simulator, id string) string {
	t.Helper()
	var action struct{ Status string }
	if err := json.Unmarshal(call(t, s, http.MethodGet, "/actions/"+id, "").Data, &action); err != nil {
		t.Fatal(err)
	}
	return action.Status
}

func TestAnActionIsOpenForItsDelay(t *testing.T) {
	t.Parallel()
	var ticking clock
	s := startSimulator(t, Options{ActionDelay: time.Minute, Now: ticking.now, Faults: Faults{SSLActionError: 1}})
	listed := write(t, s, "a.example.com").ActionID
	enabled := call(t, s, http.MethodPost, "/apps/app1/ssl", `{"auto":true}`).ActionID
	s.SetFaults(Faults{ActionError: 1})
	failed := write(t, s).ActionID
	for _, id := range []string{listed, enabled, failed} {
		if got := actionStatus(t, s, id); got != "open" {
			t.Errorf("at once it is %s", got)
		}
	}
	ticking.advance(time.Minute)
	s.Disconnect(time.Unix(1403130551, 0))
	if got := actionStatus(t, s, listed); got != "open" {
		t.Errorf("while the server isn't connected it is %s", got)
	}
	s.Disconnect(time.Time{})
	for id, want := range map[string]string{listed: "success", enabled: "error", failed: "error"} {
		if got := actionStatus(t, s, id); got != want {
			t.Errorf("then it is %s, want %s", got, want)
		}
	}
	if s.List("app1") == nil || call(t, s, http.MethodGet, "/apps/app1", "").app(t).SSL == nil {
		t.Error("a write whose action failed had no effect")
	}
}
