package dashboard

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"time"

	"pilotsync/worker/ledger"
)

//go:embed templates/*.html
var templates embed.FS

// pageTemplates are the parsed templates: the layout with each of the pages.
type pageTemplates struct{ byName map[string]*template.Template }

func newPageTemplates() *pageTemplates {
	all := &pageTemplates{map[string]*template.Template{}}
	for _, name := range []string{"overview", "apps", "app", "add", "domains", "domain", "bulk", "bulk_remove", "audit", "error"} {
		t := template.New(name).Funcs(funcMap())
		all.byName[name] = template.Must(t.ParseFS(templates, "templates/layout.html", "templates/parts.html", "templates/attention.html", "templates/"+name+".html"))
	}
	return all
}

// layoutData is the data of the layout around a page.
type layoutData struct {
	Title   string
	Section string // the path of the page's entry in the navigation
	User    User
	files   assets
	// Base is the path of the dashboard for scripts; links get it in [basePath.page].
	Base string
	Now  time.Time
	// Watch is the app whose changes the page shows; empty for all apps.
	Watch string
	// Reload is after how many seconds a browser without JavaScript reloads the page; 0 for
	// never.
	Reload  int
	Version string
	// DryRun lists the workers in a dry run.
	DryRun []ledger.Worker
	// Loss is the last loss of the ledger.
	Loss ledger.Loss
	Body any
}

// Asset returns the URL of a file under static/.
func (d layoutData) Asset(name string) string { return d.files.url(name) }

// MayAct reports whether the page offers actions.
func (d layoutData) MayAct() bool { return d.User.Role == Act }

// readNotices reads what the layout shows on each page.
func (p *pageServer) readNotices(ctx context.Context, data *layoutData) error {
	workers, err := p.reader.Workers(ctx)
	if err != nil {
		return err
	}
	data.DryRun = ledger.InDryRun(workers)
	data.Loss, err = p.reader.Loss(ctx)
	return err
}

// render responds with a page. It renders into memory first, so that an error can't leave
// half a page.
func (p *pageServer) render(w http.ResponseWriter, r *http.Request, status int, name string, data layoutData) error {
	data.User, data.Version, data.files, data.Base = userOf(r.Context()), p.version, p.files, string(p.base)
	if data.Now.IsZero() {
		data.Now = p.now()
	}
	if status < http.StatusInternalServerError { // otherwise Redis may be down
		err := p.readNotices(r.Context(), &data)
		if err != nil && status < http.StatusBadRequest { // an error's page needs no Redis
			return err
		}
	}
	var b bytes.Buffer
	if err := p.templates.byName[name].ExecuteTemplate(&b, "layout", data); err != nil {
		return fmt.Errorf("%w %s: %w", errRender, name, err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(p.base.page(b.Bytes())) // it fails only if the client is gone
	return nil
}
