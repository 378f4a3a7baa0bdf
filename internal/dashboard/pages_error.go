package dashboard

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path"
	"strings"

	"github.com/redis/go-redis/v9"

	"pilotsync/enqueue"
	"pilotsync/internal/redisurl"
	"pilotsync/tasks"
)

// notFound is an error whose page offers a search.
type notFound struct{ cause string }

func (e *notFound) Error() string { return e.cause }

// errBusy is wrapped by the error if a user, or all users, have too many lists checked at a time.
var errBusy = errors.New("too many lists are checked now")

// errReadOnly is the error of an action of a user with read-only access. A user's role can change
// while a page with buttons is open.
var errReadOnly = errors.New("you have read-only access, so nothing was changed")

// errRender is wrapped by the errors of templates.
var errRender = errors.New("render the page")

// errorPage is the body of an error's page.
type errorPage struct {
	Status  int
	Heading string
	Cause   string // what was tried, and why it failed
	Remedy  string // what the operator can do
	Search  string // the suggested search; only for status 404
	Back    string // the path of the link back; empty for none
}

// showError responds with a page about err.
func (p *pageServer) showError(w http.ResponseWriter, r *http.Request, err error) {
	page := p.errorFor(r, err)
	reload := 0
	if page.Status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "5")
		if r.Method == http.MethodGet {
			reload = 5
		}
	}
	if page.Status >= 500 && !errors.Is(err, context.Canceled) {
		p.log.WithError(err).WithField("path", r.URL.Path).Warn("a page can't be shown")
	}
	if err := p.render(w, r, page.Status, "error", layoutData{Title: page.Heading, Reload: reload, Body: page}); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

// errorFor explains an error. A page that fails was asked for, and is loaded again by itself; a
// request to act isn't.
func (p *pageServer) errorFor(r *http.Request, err error) errorPage {
	var missing *notFound
	var failed *actionError
	switch {
	case errors.As(err, &missing):
		return errorPage{Status: http.StatusNotFound, Heading: "Not found", Cause: missing.cause, Search: r.PathValue("domain")}
	case errors.As(err, &failed):
		return failed.page()
	case errors.Is(err, errReadOnly):
		return errorPage{Status: http.StatusForbidden, Heading: "Not allowed", Cause: sentence(err.Error()), Remedy: actHint, Back: path.Dir(r.URL.EscapedPath())}
	case errors.Is(err, errBadQuery):
		return errorPage{Status: http.StatusBadRequest, Heading: "Invalid address", Cause: err.Error(), Back: strings.TrimSuffix(r.URL.Path, "/export")}
	case errors.Is(err, tasks.ErrNewer):
		return errorPage{Status: http.StatusInternalServerError, Heading: "Only a newer pilotsync can show this", Cause: err.Error(),
			Remedy: "Update this process, too. Newer workers continue their work."}
	case errors.Is(err, errRender):
		return errorPage{Status: http.StatusInternalServerError, Heading: "The page can't be rendered", Cause: err.Error()}
	}
	page := redisPage(err)
	switch {
	case page.Status != http.StatusServiceUnavailable:
	case r.Method == http.MethodGet:
		page.Remedy = strings.TrimSpace(page.Remedy + " This page reloads itself every few seconds.")
	default:
		page.Back = path.Dir(r.URL.EscapedPath())
		page.Remedy = strings.TrimSpace(page.Remedy + " Go back to see the present state, and try again later.")
	}
	return page
}

// page explains why an action isn't confirmed.
func (e *actionError) page() errorPage {
	cause := fmt.Sprintf("%s failed: %s.", e.action, strings.TrimSuffix(e.err.Error(), "."))
	if errors.Is(e.err, enqueue.ErrInvalid) {
		return errorPage{Status: http.StatusUnprocessableEntity, Heading: "Refused", Back: e.back, Cause: cause,
			Remedy: "A retry won't help, because the request itself is refused."}
	}
	if errors.Is(e.err, errBusy) {
		return errorPage{Status: http.StatusTooManyRequests, Heading: "Too many at once", Back: e.back, Cause: cause,
			Remedy: "Nothing was done. Try again in a minute."}
	}
	if refusedAction(e.err) {
		return errorPage{Status: http.StatusUnprocessableEntity, Heading: "Refused", Back: e.back, Cause: cause,
			Remedy: "Nothing was changed. Go back to see the present state."}
	}
	return errorPage{Status: http.StatusServiceUnavailable, Heading: "Not confirmed", Back: e.back, Cause: cause,
		Remedy: "It isn't known whether all of it was done. Go back to see the present state, and try again. A second request is harmless."}
}

// formFailure explains why a form that changes nothing comes back.
func formFailure(action string, err error) errorPage {
	page := (&actionError{action, "", err}).page()
	if page.Status == http.StatusServiceUnavailable {
		page.Heading, page.Remedy = "Failed", "Try again later."
	}
	return page
}

// redisPage explains an error of reading. What Redis answers isn't what happens if it doesn't
// answer, and data that can't be read is neither.
func redisPage(err error) errorPage {
	page := errorPage{Status: http.StatusServiceUnavailable, Cause: err.Error()}
	var answered redis.Error
	var network net.Error
	_, refused := redisurl.AsRefused(nil, err)
	switch {
	case refused:
		page.Heading, page.Remedy = "Redis refuses this dashboard", "Correct the user, the password or the database in REDIS_URL, or the user's rights."
	case errors.Is(err, errComparing):
		page.Heading = "Too many pages of apps at a time"
	case errors.As(err, &answered) && !errors.Is(err, redis.Nil):
		page.Heading, page.Remedy = "Redis answers with an error", "Its own log may say more."
	case errors.Is(err, context.DeadlineExceeded):
		page.Heading, page.Remedy = "Redis doesn't answer in time", "It may be busy, or out of reach of this process."
	case errors.As(err, &network), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, context.Canceled),
		errors.Is(err, redis.ErrClosed), errors.Is(err, redis.ErrPoolTimeout), errors.Is(err, redis.ErrPoolExhausted), strings.Contains(err.Error(), "redis: all sentinels"):
		page.Heading, page.Remedy = "Redis doesn't answer", "It is down, or out of reach of this process. Workers that can't reach it either wait until it is back."
	default:
		page.Status, page.Heading, page.Remedy = http.StatusInternalServerError, "The data can't be read", "The log of this process has the same cause."
	}
	return page
}
