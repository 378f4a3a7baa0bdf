package dashboard

import (
	"net/http"
	"strings"
	"testing"

	"pilotsync/tasks"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
)

func TestADryRunStandsOnEveryPage(t *testing.T) {
	t.Parallel()
	waits := ledger.View{AppID: "app1", Domain: "new.example.com", State: tasks.Pending, Names: []string{"new.example.com"},
		Reason: "dry run: would be put on the list", Pending: &listsync.Pending{Preview: "would be put on the list"}}
	s := &shelf{views: []ledger.View{waits}, apps: []ledger.App{{ID: "app1", DryRun: &ledger.DryRun{At: noon, Added: 2}}},
		workers: []ledger.Worker{{Name: "host/1", Apps: []string{"app1"}, DryRun: true}, {Name: "host/2", Apps: []string{"app2"}}}}
	h := pagesOver(t, s, still{}, User{Role: View})
	for path, status := range map[string]int{"/": 200, "/apps": 200, "/apps/app1": 200, "/domains": 200, "/domains/app1/new.example.com": 200, "/nowhere": 404} {
		answer := ask(h, "GET", path, nil)
		if page := answer.Body.String(); answer.Code != status || !strings.Contains(page, "Dry run: worker host/1 writes nothing") || strings.Contains(page, "host/2 writes") {
			t.Errorf("%s (%d) doesn't show the dry run of host/1 alone:\n%s", path, answer.Code, page)
		}
	}
	if page := ask(h, "GET", "/apps/app1", nil).Body.String(); !strings.Contains(page, "A sync would put 2 names on the list and take 0 off") {
		t.Errorf("the app's page doesn't say what a sync would do:\n%s", page)
	}
	if page := ask(h, "GET", "/domains/app1/new.example.com", nil).Body.String(); !strings.Contains(page, "Nothing is written in a dry run") {
		t.Errorf("the domain's page doesn't say what to do:\n%s", page)
	}
	s.workers = s.workers[1:]
	if answer := ask(h, "GET", "/", nil); answer.Code != http.StatusOK || strings.Contains(answer.Body.String(), "Dry run") {
		t.Errorf("without a dry run the page tells of one (%d)", answer.Code)
	}
}
