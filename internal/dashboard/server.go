package dashboard

import (
	"context"
	"net/http"
	"time"

	"github.com/sirupsen/logrus"

	"pilotsync/enqueue"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
	"pilotsync/worker/operator"
)

// readLimit ends the reading of Redis for one page.
const readLimit = 5 * time.Second

// Reader is what the pages read of the ledger; [*ledger.Ledger] in life.
type Reader interface {
	AppStates(ctx context.Context, ids ...string) ([]ledger.App, error)
	Find(ctx context.Context, q ledger.Query) (ledger.Page, error)
	Latest(ctx context.Context, n int) ([]ledger.View, error)
	Domain(ctx context.Context, app, domain string) (ledger.View, bool, error)
	Domains(ctx context.Context, app string, names ...string) ([]ledger.View, error)
	History(ctx context.Context, app, domain string) ([]listsync.HistoryEntry, error)
	Writes(ctx context.Context, app string, n int) ([]ledger.Write, error)
	Owned(ctx context.Context, app string) ([]string, error)
	Revisions(ctx context.Context) (map[string]string, error)
	Workers(ctx context.Context) ([]ledger.Worker, error)
	Loss(ctx context.Context) (ledger.Loss, error)
}

var _ Reader = (*ledger.Ledger)(nil)

// Enqueuer puts what an operator asks for on the queue; [*enqueue.Client] in life.
type Enqueuer interface {
	Enqueue(ctx context.Context, reqs ...enqueue.Request) ([]enqueue.Receipt, error)
	Verify(ctx context.Context, by string, targets ...enqueue.Target) ([]enqueue.Receipt, error)
}

var _ Enqueuer = (*enqueue.Client)(nil)

// Operator is what an operator does to a whole app; [operator.Operator] in life.
type Operator interface {
	Pause(ctx context.Context, app, by string) error
	Resume(ctx context.Context, app string) (paused bool, err error)
}

var _ Operator = operator.Operator{}

// server is everything below / that people look at. All state is in Redis; but for
// the poller of the live stream and a few seconds' memory of ServerPilot's lists
// there is none here.
type server struct {
	read      Reader
	enqueuer  Enqueuer
	operate   Operator
	queues    queueReader
	listCache *listCache
	hub       *hub
	mayAct    func(http.HandlerFunc) http.HandlerFunc
	now       func() time.Time
	version   string
	log       *logrus.Entry
	templates *pageTemplates
	files     assets
}

// pages registers the pages. It is called once a [Site].
func (s *Site) pages(mux *http.ServeMux) {
	queues := queueInspector{s.queues, s.cfg.Redis}
	p := &server{
		read: s.ledger, enqueuer: s.client, operate: operator.New(s.cfg.Redis), queues: queues, listCache: newListCache(s.cfg.Remote), files: s.static,
		hub: newHub(s.ctx, snapshotReader{s.ledger, queues}.take), mayAct: s.mayAct, now: time.Now,
		version: s.cfg.Version, log: s.log, templates: newPageTemplates(),
	}
	p.register(mux)
}

func (p *server) register(mux *http.ServeMux) {
	page := func(pattern string, h func(http.ResponseWriter, *http.Request) error) {
		mux.HandleFunc(pattern, p.answer(h))
	}
	page("GET /{$}", p.overview)
	page("GET /apps", p.apps)
	page("GET /apps/{app}", p.app)
	page("GET /domains", p.domains)
	page("GET /domains/{app}/{domain}", p.domain)
	mux.HandleFunc("POST /apps/{app}/{action}", p.mayAct(p.answer(p.actOnApp)))
	mux.HandleFunc("POST /domains/{app}/{domain}/{action}", p.mayAct(p.answer(p.act)))
	mux.HandleFunc("GET /live", p.live)
	page("/", func(http.ResponseWriter, *http.Request) error {
		return &notFound{"There is no such page here."}
	})
}

// answer makes an error of a page a page itself.
func (p *server) answer(h func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), readLimit)
		defer cancel()
		if err := h(w, r.WithContext(ctx)); err != nil {
			p.fail(w, r, err)
		}
	}
}
