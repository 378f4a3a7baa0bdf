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

// Ledger is what the page reads.
type Ledger interface {
	Apps(ctx context.Context) ([]string, error)
	App(ctx context.Context, id string) (ledger.App, error)
	Domains(ctx context.Context, app string, names ...string) ([]ledger.View, error)
}

// readLimit ends the reading of the ledger for one request.
const readLimit = 5 * time.Second

// security allows nothing but the page's own style sheet.
const security = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

var (
	//go:embed page.html
	pageSource string
	//go:embed style.css
	style []byte
)

// Handler serves
//
//	/         a page of all domains by app
//	/healthz  200 as long as the process lives
//	/readyz   200, or 503 with the reason while ping fails
func Handler(l Ledger, ping func(context.Context) error) http.Handler {
	page := template.Must(template.New("page").Parse(pageSource))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { text(w, http.StatusOK, "alive\n") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), readLimit)
		defer cancel()
		if err := ping(ctx); err != nil {
			text(w, http.StatusServiceUnavailable, "not ready: Redis doesn't answer: "+err.Error()+"\n")
			return
		}
		text(w, http.StatusOK, "ready\n")
	})
	mux.HandleFunc("GET /style.css", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/css; charset=utf-8")
		_, _ = w.Write(style) // the reader is gone if it fails
	})
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), readLimit)
		defer cancel()
		apps, err := read(ctx, l)
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
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", security)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		mux.ServeHTTP(w, r)
	})
}

func text(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
}

// app is one app on the page.
type app struct {
	ledger.App
	Domains []ledger.View
}

func read(ctx context.Context, l Ledger) ([]app, error) {
	ids, err := l.Apps(ctx)
	if err != nil {
		return nil, err
	}
	apps := make([]app, len(ids))
	for i, id := range ids {
		if apps[i].App, err = l.App(ctx, id); err != nil {
			return nil, err
		}
		if apps[i].Domains, err = l.Domains(ctx, id); err != nil {
			return nil, err
		}
	}
	return apps, nil
}
