package dashboard

import (
	"strings"
	"testing"
	"time"

	"pilotsync/internal/serverpilot"
	"pilotsync/worker/ledger"
)

func TestADisconnectedServerComesFirstOnEachPage(t *testing.T) {
	t.Parallel()
	s := &fakeLedger{apps: []ledger.App{{ID: "app1", DisconnectedSince: noon.Add(-time.Hour)}}, views: []ledger.View{failedShop("app1")}}
	h := newPages(t, s, fakeQueues{}, User{Role: View})
	const notice = "The app&#39;s server has not been connected to ServerPilot since 2026-03-01 11:00 UTC."
	for _, path := range []string{"/apps/app1", "/domains/app1/shop.example.com"} {
		checkAnswer(t, sendRequest(h, "GET", path, nil), 200, notice)
	}
	checkAnswer(t, sendRequest(h, "GET", "/", nil), 200, "not connected to ServerPilot")
	checkAnswer(t, sendRequest(h, "GET", "/apps", nil), 200, ">disconnected<")

	s.apps[0].DisconnectedSince = time.Time{}
	for _, path := range []string{"/", "/apps", "/apps/app1", "/domains/app1/shop.example.com"} {
		if page := sendRequest(h, "GET", path, nil).Body.String(); strings.Contains(page, "connected") {
			t.Errorf("%s still has the notice:\n%s", path, page)
		}
	}
}

func TestTheAppsPageShowsWhatOfALongListIsCovered(t *testing.T) {
	t.Parallel()
	coverage := &serverpilot.Coverage{Names: 112, Covered: 100, Missing: []string{"a.example.com", "b.example.com"}}
	s := &fakeLedger{apps: []ledger.App{{ID: "app1", Coverage: coverage}}}
	h := newPages(t, s, fakeQueues{}, User{Role: View})
	answer := sendRequest(h, "GET", "/apps/app1", nil)
	checkAnswer(t, answer, 200, "covers 100 of 112 names")
	checkAnswer(t, answer, 200, "Not covered: a.example.com, b.example.com and 10 more.")

	coverage.Covered, coverage.Missing = 112, nil
	answer = sendRequest(h, "GET", "/apps/app1", nil)
	checkAnswer(t, answer, 200, "cover all 112 names")
	if strings.Contains(answer.Body.String(), "of 112") {
		t.Errorf("a list that is covered has a warning:\n%s", answer.Body)
	}
}
