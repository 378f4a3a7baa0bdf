package dashboard

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"pilotsync/enqueue"
	"pilotsync/internal/redisurl"
	"pilotsync/tasks"
)

// notFound is an error whose page offers a search.
type notFound struct{ cause string }

func (e *notFound) Error() string { return e.cause }

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

// errorFor explains an error. A template error is a bug, and a later version means that this
// process needs an update. All other errors come from Redis, since pages read from nothing
// else.
func (p *pageServer) errorFor(r *http.Request, err error) errorPage {
	var missing *notFound
	var failed *actionError
	switch {
	case errors.As(err, &missing):
		return errorPage{Status: http.StatusNotFound, Heading: "Not found", Cause: missing.cause, Search: r.PathValue("domain")}
	case errors.As(err, &failed):
		page := errorPage{Status: http.StatusServiceUnavailable, Heading: "Not done", Back: failed.back,
			Cause:  fmt.Sprintf("%s failed: %s.", failed.action, strings.TrimSuffix(failed.err.Error(), ".")),
			Remedy: "The request may not have been sent. Go back to see the present state, and try again. A second request is harmless."}
		if errors.Is(err, enqueue.ErrInvalid) {
			page.Status, page.Remedy = http.StatusUnprocessableEntity, "A retry won't help, because the request itself is refused."
		}
		return page
	case errors.Is(err, errBadQuery):
		return errorPage{Status: http.StatusBadRequest, Heading: "Invalid address", Cause: err.Error(), Back: strings.TrimSuffix(r.URL.Path, "/export")}
	case errors.Is(err, tasks.ErrNewer):
		return errorPage{Status: http.StatusInternalServerError, Heading: "Only a newer pilotsync can show this", Cause: err.Error(),
			Remedy: "Update this process, too. Newer workers continue their work, and nothing is lost."}
	case errors.Is(err, errRender):
		return errorPage{Status: http.StatusInternalServerError, Heading: "The page can't be rendered", Cause: err.Error()}
	}
	if _, refused := redisurl.AsRefused(nil, err); refused {
		return errorPage{Status: http.StatusServiceUnavailable, Heading: "Redis refuses this dashboard", Cause: err.Error(),
			Remedy: "Correct the user and the password in REDIS_URL, or the user's rights. Workers with other logins continue. This page reloads itself every few seconds."}
	}
	return errorPage{Status: http.StatusServiceUnavailable, Heading: "Redis doesn't answer", Cause: err.Error(),
		Remedy: "Workers wait for Redis and continue automatically once it is back. No accepted change is lost. This page reloads itself every few seconds."}
}
