package dashboard

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/sirupsen/logrus"

	"pilotsync/enqueue"
	"pilotsync/internal/quota"
	"pilotsync/tasks"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
	"pilotsync/worker/operator"
)

// readLimit is how long one page may read from Redis.
const readLimit = 5 * time.Second

// maxPages is how many pages are made at a time, maxPagesEach how many of one user. Each may need
// some MB while it is made. Further ones wait, until their time limit ends.
const (
	maxPages     = 32
	maxPagesEach = 16
)

// maxComparisons is how many apps are compared with their lists at a time, maxComparisonsEach how
// many for one user. 4,000 domains take some 20 MB.
const (
	maxComparisons     = 6
	maxComparisonsEach = 3
)

// Reader is what the pages read from the ledger; [*ledger.Ledger] in production.
type Reader interface {
	AppStates(ctx context.Context, ids ...string) ([]ledger.App, error)
	Find(ctx context.Context, apps []ledger.App, q ledger.Query) (ledger.Page, error)
	Names(ctx context.Context) ([]ledger.Position, error)
	Sites(ctx context.Context, apps []ledger.App, site int64) ([]ledger.Position, error)
	SnoozeOf(ctx context.Context, v ledger.View) (*ledger.Snooze, error)
	Latest(ctx context.Context, apps []ledger.App, n int) ([]ledger.View, error)
	Domain(ctx context.Context, app, domain string) (ledger.View, bool, error)
	History(ctx context.Context, app, domain string) ([]listsync.HistoryEntry, error)
	Writes(ctx context.Context, app string, n int) ([]ledger.Write, error)
	Owned(ctx context.Context, app string) ([]string, error)
	Workers(ctx context.Context) ([]ledger.Worker, error)
	Loss(ctx context.Context) (ledger.Loss, error)
}

var _ Reader = (*ledger.Ledger)(nil)

// Enqueuer puts an operator's requests on the queue; [*enqueue.Client] in production.
type Enqueuer interface {
	Enqueue(ctx context.Context, reqs ...enqueue.Request) ([]enqueue.Receipt, error)
	Verify(ctx context.Context, by string, targets ...enqueue.Target) ([]enqueue.Receipt, error)
	Check(ctx context.Context, by string, targets ...enqueue.Target) ([]tasks.CheckResult, error)
}

var _ Enqueuer = (*enqueue.Client)(nil)

// Operator pauses and resumes whole apps; [operator.Operator] in production.
type Operator interface {
	Pause(ctx context.Context, app, by string) error
	Resume(ctx context.Context, app, by string) (paused bool, err error)
}

var _ Operator = operator.Operator{}

// Snoozer snoozes domains; [*ledger.Ledger] in production.
type Snoozer interface {
	Snooze(ctx context.Context, v ledger.View, s ledger.Snooze) error
	EndSnooze(ctx context.Context, app, domain, by string) error
}

var _ Snoozer = (*ledger.Ledger)(nil)

// pageServer serves the pages. All state is in Redis, except the poller of the live stream
// and the lists of ServerPilot, which are cached for a few seconds.
type pageServer struct {
	reader    Reader
	enqueuer  Enqueuer
	bulks     bulkStore
	exports   *quota.Quota
	making    *quota.Quota // pages
	comparing *quota.Quota // apps with their lists
	checks    *checkRunner
	audits    auditReader
	operator  Operator
	snoozer   Snoozer
	names     *nameSearch
	queues    queueReader
	listCache *listCache
	hub       *hub
	fresh     *freshness
	now       func() time.Time
	version   string
	base      basePath
	log       *logrus.Entry
	templates *pageTemplates
	files     assets
}

// registerPages registers the pages. [New] calls it once.
func (s *Dashboard) registerPages(mux *http.ServeMux) {
	fresh := &freshness{}
	shared := newSharedLedger(s.ctx, s.ledger, fresh)
	queues := newSharedQueues(s.ctx, newQueueInspector(s.cfg.Redis), fresh)
	p := &pageServer{
		reader: shared, fresh: fresh, snoozer: s.ledger, names: newNameSearch(s.ctx, s.ledger, fresh), enqueuer: s.enqueuer, bulks: s.ledger, audits: s.ledger, exports: quota.New(maxExports, maxExportsEach), operator: operator.New(s.cfg.Redis), queues: queues, listCache: newListCache(s.cfg.Remote), files: s.static,
		hub: newHub(s.ctx, fresh, snapshotReader{shared, queues}.take), now: time.Now,
		version: s.cfg.Version, base: basePath(s.cfg.BasePath), log: s.log, templates: newPageTemplates(),
	}
	p.checks = &checkRunner{ctx: s.ctx, running: &s.running, enqueuer: s.enqueuer, store: s.ledger, quota: quota.New(maxCheckRuns, maxCheckRunsEach), log: s.log}
	p.register(mux)
}

func (p *pageServer) register(mux *http.ServeMux) {
	p.making, p.comparing = quota.New(maxPages, maxPagesEach), quota.New(maxComparisons, maxComparisonsEach)
	page := func(pattern string, h func(http.ResponseWriter, *http.Request) error) {
		mux.HandleFunc(pattern, p.handle(readLimit, h))
	}
	page("GET /{$}", p.overview)
	page("GET /apps", p.apps)
	page("GET /apps/{app}", p.app)
	page("GET /apps/{app}/checks/{id}", p.checkResults)
	page("GET /domains", p.domains)
	mux.HandleFunc("GET /domains/export", p.export)
	page("GET /bulk/{id}", p.bulk)
	page("GET /audit", p.audit)
	page("GET /domains/{app}/{domain}", p.domain)
	refuse := p.handle(readLimit, func(http.ResponseWriter, *http.Request) error { return errReadOnly })
	act := func(pattern string, limit time.Duration, h func(http.ResponseWriter, *http.Request) error) {
		mux.HandleFunc(pattern, requireAct(refuse, p.handle(limit, func(w http.ResponseWriter, r *http.Request) error {
			err := h(w, r)
			p.fresh.begin() // the next page shows what was done
			return err
		})))
	}
	act("POST /apps/{app}/check", bulkLimit, p.checkDomains)
	act("POST /apps/{app}/add", bulkLimit, p.addDomains)
	act("POST /apps/{app}/remove", bulkLimit, p.removeListed)
	act("POST /apps/{app}/{action}", readLimit, p.actOnApp)
	act("POST /bulk", bulkLimit, p.actOnDomains)
	act("POST /domains/{app}/{domain}/snooze", readLimit, p.snoozeDomain)
	act("POST /domains/{app}/{domain}/{action}", readLimit, p.actOnDomain)
	mux.HandleFunc("GET /live", p.live)
	page("/", func(http.ResponseWriter, *http.Request) error {
		return &notFound{"This page doesn't exist."}
	})
}

// handle limits the time of a page and how many are made at a time, and shows its error as a page.
func (p *pageServer) handle(limit time.Duration, h func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), limit)
		defer cancel()
		r = r.WithContext(ctx)
		release, refusal := p.making.Acquire(ctx, userOf(ctx).Name)
		if refusal != 0 {
			refuse(w, refusal, readLimit, fmt.Sprintf("The dashboard makes %d pages of a user at a time, %d in all: try again later.\n", maxPagesEach, maxPages))
			return
		}
		defer release()
		if err := h(w, r); err != nil {
			p.showError(w, r, err)
		}
	}
}
