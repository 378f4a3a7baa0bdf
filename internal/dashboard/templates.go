package dashboard

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"time"

	"pilotsync/worker/ledger"
)

//go:embed templates/*.html
var templates embed.FS

// snapshot are the parsed templates: the layout with each of the pages.
type pageTemplates struct{ byName map[string]*template.Template }

func newPageTemplates() *pageTemplates {
	l := &pageTemplates{map[string]*template.Template{}}
	for _, name := range []string{"overview", "apps", "app", "domains", "domain", "error"} {
		t := template.New(name).Funcs(funcMap())
		l.byName[name] = template.Must(t.ParseFS(templates, "templates/layout.html", "templates/parts.html", "templates/"+name+".html"))
	}
	return l
}

// layoutData is what the layout shows around a page.
type layoutData struct {
	Title string
	Here  string // the path of the navigation's entry that the page belongs to
	User  User
	files assets
	Now   time.Time
	// Watch names the app whose news the page shows; empty: of all.
	Watch string
	// Reload is after how many seconds a browser without JavaScript loads the page
	// again; 0 for never.
	Reload  int
	Version string
	// DryRun are the workers that write nothing.
	DryRun []ledger.Worker
	// Loss is the last loss of the ledger.
	Loss ledger.Loss
	Body any
}

// Asset is where a file of static/ is found.
func (f layoutData) Asset(name string) string { return f.files.url(name) }

// MayAct reports whether the page offers actions.
func (f layoutData) MayAct() bool { return f.User.Role == Act }

// show answers with a page. It is made in memory first, so that an error leaves no
// half of one.
func (p *server) show(w http.ResponseWriter, r *http.Request, status int, name string, f layoutData) error {
	f.User, f.Version, f.files = userOf(r.Context()), p.version, p.files
	if f.Now.IsZero() {
		f.Now = p.now()
	}
	if status < http.StatusInternalServerError { // else Redis is in trouble, and says nothing of them either
		workers, err := p.read.Workers(r.Context())
		if err != nil {
			return err
		}
		f.DryRun = ledger.InDryRun(workers)
		if f.Loss, err = p.read.Loss(r.Context()); err != nil {
			return err
		}
	}
	var b bytes.Buffer
	if err := p.templates.byName[name].ExecuteTemplate(&b, "layout", f); err != nil {
		return fmt.Errorf("make the page %s: %w", name, err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = b.WriteTo(w) // the reader is gone if it fails
	return nil
}
