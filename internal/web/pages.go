package web

import (
	"bytes"
	"context"
	_ "embed"
	"html/template"
	"net/http"
	"time"

	"pilotsync/worker/ledger"
)

// readLimit ends the reading of the ledger for one request.
const readLimit = 5 * time.Second

//go:embed page.html
var pageSource string

// pages registers the pages.
func (s *Site) pages(mux *http.ServeMux) {
	page := template.Must(template.New("page").Parse(pageSource))
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), readLimit)
		defer cancel()
		apps, err := s.read(ctx)
		if err != nil {
			text(w, http.StatusServiceUnavailable, "the domains can't be read: "+err.Error()+"\n")
			return
		}
		var b bytes.Buffer // so that an error doesn't leave half a page
		if err := page.Execute(&b, apps); err != nil {
			text(w, http.StatusInternalServerError, "the page can't be made: "+err.Error()+"\n")
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = b.WriteTo(w)
	})
}

// app is one app on the page.
type app struct {
	ledger.App
	Domains []ledger.View
}

func (s *Site) read(ctx context.Context) ([]app, error) {
	ids, err := s.ledger.Apps(ctx)
	if err != nil {
		return nil, err
	}
	apps := make([]app, len(ids))
	for i, id := range ids {
		if apps[i].App, err = s.ledger.App(ctx, id); err != nil {
			return nil, err
		}
		if apps[i].Domains, err = s.ledger.Domains(ctx, id); err != nil {
			return nil, err
		}
	}
	return apps, nil
}
