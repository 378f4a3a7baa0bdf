package dashboard

import (
	"net/http"
	"strings"
	"testing"

	"pilotsync/worker/ledger"
)

func TestEveryPageShowsALossUntilTheHandover(t *testing.T) {
	t.Parallel()
	s := &fakeLedger{apps: []ledger.App{{ID: "app1"}}, loss: ledger.Loss{At: noon, Waiting: []string{"app1", "app2"}}}
	h := newPages(t, s, fakeQueues{}, User{Role: View})
	for path, status := range map[string]int{"/": 200, "/apps": 200, "/apps/app1": 200, "/domains": 200, "/nowhere": 404} {
		answer := sendRequest(h, "GET", path, nil)
		if page := answer.Body.String(); answer.Code != status || !strings.Contains(page, "The ledger was lost") || !strings.Contains(page, `href="/apps/app2"`) {
			t.Errorf("%s (%d) doesn't show the loss:\n%s", path, answer.Code, page)
		}
	}
	s.loss.Waiting = nil
	if answer := sendRequest(h, "GET", "/", nil); answer.Code != http.StatusOK || strings.Contains(answer.Body.String(), "The ledger was lost") {
		t.Errorf("the page shows the loss after the handover (%d)", answer.Code)
	}
}
