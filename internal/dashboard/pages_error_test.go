package dashboard

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"pilotsync/enqueue"
	"pilotsync/tasks"
	"pilotsync/worker/ledger"
)

// answer is an error that Redis sent.
type answer string

func (a answer) Error() string { return string(a) }
func (answer) RedisError()     {}

var _ redis.Error = answer("")

func TestAnErrorsPageSaysOnlyWhatIsTrue(t *testing.T) {
	t.Parallel()
	refused := &net.OpError{Op: "dial", Err: errors.New("connection refused")}
	for _, test := range []struct {
		name, method, path string
		err                error
		status             int
		heading            string
		reloads            bool
		back               string
	}{
		{"Redis is down", "GET", "/domains", fmt.Errorf("read: %w", refused), 503, "Redis doesn't answer", true, ""},
		{"the connection breaks", "GET", "/", io.EOF, 503, "Redis doesn't answer", true, ""},
		{"Redis is slow", "GET", "/", fmt.Errorf("read: %w", context.DeadlineExceeded), 503, "Redis doesn't answer in time", true, ""},
		{"Redis is loading its data", "GET", "/", answer("LOADING Redis is loading the dataset in memory"), 503, "Redis answers with an error", true, ""},
		{"a wrong password", "GET", "/", answer("WRONGPASS invalid username-password pair"), 503, "Redis refuses this dashboard", true, ""},
		{"a record that can't be decoded", "GET", "/", errors.New("the record of x.example.com: invalid character"), 500, "The data can't be read", false, ""},
		{"an action whose page can't be found out", "POST", "/domains/app1/x.example.com/verify", refused, 503, "Redis doesn't answer", false, "/domains/app1/x.example.com"},
		{"an action without a confirmation", "POST", "/apps/app1/pause", &actionError{"Pause app app1", "/apps/app1", refused}, 503, "Not confirmed", false, "/apps/app1"},
		{"an action that is refused", "POST", "/apps/app1/check", &actionError{"Check domains", "/apps/app1", fmt.Errorf("%w: x", enqueue.ErrInvalid)}, 422, "Refused", false, "/apps/app1"},
		{"a record of a newer release", "GET", "/", tasks.ErrNewer, 500, "Only a newer pilotsync can show this", false, ""},
	} {
		page := (&pageServer{}).errorFor(httptest.NewRequest(test.method, test.path, http.NoBody), test.err)
		if page.Status != test.status || page.Heading != test.heading || page.Back != test.back || strings.Contains(page.Remedy, "reloads itself") != test.reloads {
			t.Errorf("%s: %+v", test.name, page)
		}
		if strings.Contains(page.Remedy, "lost") {
			t.Errorf("%s promises what the page can't know: %s", test.name, page.Remedy)
		}
	}
}

func TestPagesThatNeedNoRedisAreShownWithoutIt(t *testing.T) {
	t.Parallel()
	h := newPages(t, &fakeLedger{err: io.EOF}, fakeQueues{}, User{Role: View})
	for _, path := range []string{"/nope", "/bulk/x", "/domains/app1/a..b"} {
		checkAnswer(t, sendRequest(h, "GET", path, nil), http.StatusNotFound, `<h1 id="h-error">Not found</h1>`)
	}
	checkAnswer(t, sendRequest(h, "GET", "/domains", nil), http.StatusServiceUnavailable, "Redis doesn&#39;t answer")
}

func TestAFormThatChangesNothingIsntUnconfirmed(t *testing.T) {
	t.Parallel()
	for _, form := range []string{"check", "remove"} {
		s := &fakeLedger{apps: []ledger.App{{ID: "app1"}}, views: mixedDomains(), err: errors.New("connection refused")}
		rec := sendRequest(newPages(t, s, fakeQueues{}, ada), "POST", "/apps/app1/"+form, withAddForm("done.example.com", ""))
		checkAnswer(t, rec, http.StatusServiceUnavailable, "<strong>Failed: nothing was "+form)
		checkAnswer(t, rec, http.StatusServiceUnavailable, "<p>Try again later.</p>")
		checkAnswer(t, rec, http.StatusServiceUnavailable, ">done.example.com</textarea>")
	}
}
