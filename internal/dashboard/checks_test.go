package dashboard

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"pilotsync/enqueue"
	"pilotsync/internal/quota"
	"pilotsync/tasks"
	"pilotsync/worker/ledger"
)

// heldChecks are checks that wait until proceed is closed.
type heldChecks struct {
	*fakeLedger
	held    atomic.Int32
	proceed chan struct{}
}

func (h *heldChecks) Check(ctx context.Context, by string, targets ...enqueue.Target) ([]tasks.CheckResult, error) {
	h.held.Add(1)
	<-h.proceed
	return h.fakeLedger.Check(ctx, by, targets...)
}

func TestAThousandDomainsAreCheckedSomeAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		names := manyNames(maxAdded)
		s := &fakeLedger{apps: []ledger.App{{ID: "app1"}}, results: map[string]tasks.CheckResult{}}
		for _, name := range names[:maxAdded-1] { // no worker answers for the last one
			s.results[name] = result(name, true, tasks.CauseWouldWork, tasks.Params{})
		}
		checks, runs := &heldChecks{fakeLedger: s, proceed: make(chan struct{})}, quota.New(1, 1)
		pages := newPagesWith(t, s, s, fakeQueues{}, ada, func(p *pageServer) { p.checks.enqueuer, p.checks.quota = checks, runs })
		sendRequest(pages, "POST", "/apps/app1/check", withAddForm("", strings.Join(names, "\n")))
		synctest.Wait()
		if n := checks.held.Load(); n != checksAtOnce {
			t.Errorf("%d are checked at a time, want %d", n, checksAtOnce)
		}
		close(checks.proceed)
		s.running.Wait()
		if len(s.run.Results) != maxAdded-1 || !s.run.Ended {
			t.Errorf("%d results, ended: %v", len(s.run.Results), s.run.Ended)
		}
		if _, refusal := runs.Try("ada"); refusal != 0 {
			t.Error("at its end the user can't have another list checked")
		}
	})
}

func TestChecksThatNoWorkerAnswersEndEarly(t *testing.T) {
	t.Parallel()
	s := &fakeLedger{apps: []ledger.App{{ID: "app1"}}}
	pages := newPages(t, s, fakeQueues{}, ada)
	sendRequest(pages, "POST", "/apps/app1/check", withAddForm("", strings.Join(manyNames(maxAdded), "\n")))
	s.running.Wait()
	if n := len(s.checked); n > checksAtOnce+1 || !s.run.Ended { // the next one begins as the first one ends
		t.Errorf("%d checks began, ended: %v", n, s.run.Ended)
	}
}

func TestAUserHasTwoListsCheckedAtATime(t *testing.T) {
	t.Parallel()
	s := &fakeLedger{apps: []ledger.App{{ID: "app1"}}}
	p := &pageServer{}
	h := newPagesWith(t, s, s, fakeQueues{}, ada, func(made *pageServer) { p = made })
	for range maxCheckRunsEach {
		release, _ := p.checks.quota.Try("ada")
		defer release()
	}
	rec := sendRequest(h, "POST", "/apps/app1/check", withAddForm("a.example.com", ""))
	checkAnswer(t, rec, http.StatusTooManyRequests, "a user may have 2 at a time")
	checkAnswer(t, rec, http.StatusTooManyRequests, "a.example.com</textarea>")
}
