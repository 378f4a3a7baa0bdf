package dashboard

import (
	"net/http"
	"strings"
	"testing"

	"pilotsync/worker/ledger"
)

func TestALostLedgerStandsOnEveryPageUntilItIsHandedOver(t *testing.T) {
	t.Parallel()
	s := &shelf{apps: []ledger.App{{ID: "app1"}}, loss: ledger.Loss{At: noon, Waiting: []string{"app1", "app2"}}}
	h := pagesOver(t, s, still{}, User{Role: View})
	for path, status := range map[string]int{"/": 200, "/apps": 200, "/apps/app1": 200, "/domains": 200, "/nowhere": 404} {
		answer := ask(h, "GET", path, nil)
		if page := answer.Body.String(); answer.Code != status || !strings.Contains(page, "The ledger was lost") || !strings.Contains(page, `href="/apps/app2"`) {
			t.Errorf("%s (%d) doesn't show the loss:\n%s", path, answer.Code, page)
		}
	}
	s.loss.Waiting = nil
	if answer := ask(h, "GET", "/", nil); answer.Code != http.StatusOK || strings.Contains(answer.Body.String(), "The ledger was lost") {
		t.Errorf("after the handover the page still tells of the loss (%d)", answer.Code)
	}
}
