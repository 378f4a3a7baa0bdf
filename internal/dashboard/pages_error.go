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
type notFound struct{ what string }

func (e *notFound) Error() string { return e.what }

// failure is what the error page shows.
type failure struct {
	Status  int
	Heading string
	What    string // what was tried, and why it failed
	Next    string // what to do about it
	Search  string // what to look for instead; only where Status is 404
	Back    string // the path to go back to; empty for none
}

// fail answers with a page about err. What a template can't make is our own
// mistake, and a later form that of who didn't update; anything else is Redis, for the pages read from nowhere else.
func (p *server) fail(w http.ResponseWriter, r *http.Request, err error) {
	f := p.failure(r, err)
	reload := 0
	if f.Status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "5")
		if r.Method == http.MethodGet {
			reload = 5
		}
	}
	if f.Status >= 500 && !errors.Is(err, context.Canceled) {
		p.log.WithError(err).WithField("path", r.URL.Path).Warn("a page can't be shown")
	}
	if err := p.show(w, r, f.Status, "error", layoutData{Title: f.Heading, Reload: reload, Body: f}); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

func (p *server) failure(r *http.Request, err error) failure {
	var missing *notFound
	var wrong *notEnqueued
	switch {
	case errors.As(err, &missing):
		return failure{Status: http.StatusNotFound, Heading: "Not found", What: missing.what, Search: r.PathValue("domain")}
	case errors.As(err, &wrong):
		f := failure{Status: http.StatusServiceUnavailable, Heading: "Not done", Back: wrong.back,
			What: fmt.Sprintf("%s was tried, and failed: %s.", wrong.change, strings.TrimSuffix(wrong.err.Error(), ".")),
			Next: "Nothing may have been asked for. Go back to see where the domain stands, and try again; asking twice is harmless."}
		if errors.Is(err, enqueue.ErrInvalid) {
			f.Status, f.Next = http.StatusUnprocessableEntity, "Trying again won't help: the request itself is refused."
		}
		return f
	case errors.Is(err, errBadQuery):
		return failure{Status: http.StatusBadRequest, Heading: "Not understood", What: err.Error(), Back: "/domains"}
	case errors.Is(err, tasks.ErrNewer):
		return failure{Status: http.StatusInternalServerError, Heading: "Only a newer pilotsync can show this", What: err.Error(),
			Next: "Update this process, too. What newer workers put down waits for nobody, and nothing of it is lost."}
	case strings.HasPrefix(err.Error(), "make the page"):
		return failure{Status: http.StatusInternalServerError, Heading: "The page can't be made", What: err.Error()}
	}
	if _, refused := redisurl.AsRefused(nil, err); refused {
		return failure{Status: http.StatusServiceUnavailable, Heading: "Redis refuses this dashboard", What: err.Error(),
			Next: "Correct the user and the password in REDIS_URL, or the user's rights. Workers with other logins go on meanwhile. This page reloads itself every few seconds."}
	}
	return failure{Status: http.StatusServiceUnavailable, Heading: "Redis doesn't answer", What: err.Error(),
		Next: "Workers wait for Redis and go on by themselves once it is back; no change that was taken is lost. This page reloads itself every few seconds."}
}
