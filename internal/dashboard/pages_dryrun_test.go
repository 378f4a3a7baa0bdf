package dashboard

import (
	"net/http"
	"strings"
	"testing"

	"pilotsync/tasks"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
)

func TestEveryPageShowsADryRun(t *testing.T) {
	t.Parallel()
	waits := ledger.View{AppID: "app1", Domain: "new.example.com", State: tasks.Pending, Names: []string{"new.example.com"},
		Cause: tasks.Cause{Code: tasks.CauseDryRun, Params: tasks.Params{Would: "would be put on the list"}}, Pending: &listsync.Pending{Preview: "would be put on the list"}}
	s := &fakeLedger{views: []ledger.View{waits}, apps: []ledger.App{{ID: "app1", DryRun: &ledger.DryRun{At: noon, Added: 2}}},
		workers: []ledger.Worker{{Name: "host/1", Apps: []string{"app1"}, DryRun: true}, {Name: "host/2", Apps: []string{"app2"}}}}
	h := newPages(t, s, fakeQueues{}, User{Role: View})
	for path, status := range map[string]int{"/": 200, "/apps": 200, "/apps/app1": 200, "/domains": 200, "/domains/app1/new.example.com": 200, "/nowhere": 404} {
		answer := sendRequest(h, "GET", path, nil)
		if page := answer.Body.String(); answer.Code != status || !strings.Contains(page, "Dry run: worker host/1 writes nothing") || strings.Contains(page, "host/2 writes") {
			t.Errorf("%s (%d) doesn't show the dry run of host/1 alone:\n%s", path, answer.Code, page)
		}
	}
	if page := sendRequest(h, "GET", "/apps/app1", nil).Body.String(); !strings.Contains(page, "A sync would add 2 names and remove 0") {
		t.Errorf("the app's page doesn't say what a sync would do:\n%s", page)
	}
	if page := sendRequest(h, "GET", "/domains/app1/new.example.com", nil).Body.String(); !strings.Contains(page, "A dry run writes nothing") {
		t.Errorf("the domain's page doesn't say what to do:\n%s", page)
	}
	s.workers = s.workers[1:]
	if answer := sendRequest(h, "GET", "/", nil); answer.Code != http.StatusOK || strings.Contains(answer.Body.String(), "Dry run") {
		t.Errorf("the page shows a dry run that has ended (%d)", answer.Code)
	}
}
