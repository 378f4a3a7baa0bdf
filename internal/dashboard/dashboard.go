package dashboard

import (
	"context"
	"errors"
	"net/http"
	"sync"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"github.com/sirupsen/logrus"

	"pilotsync/enqueue"
	"pilotsync/worker/ledger"
)

// Lists reads the list of one app from ServerPilot.
type Lists interface {
	List(ctx context.Context, app string) ([]string, error)
}

// Config is what a [Site] is made from.
type Config struct {
	// Redis is where the ledger and the queues are; it stays the caller's to close.
	Redis redis.UniversalClient
	// Users may log in; nil for no login. Without one only requests for a loopback
	// host are answered, so that no foreign name can be made to point here.
	Users *Users
	// Open is everybody's role where Users is nil; [View] if it isn't set. Give
	// [Act] only for a show: any program on the machine could act.
	Open Role
	// Remote reads lists from ServerPilot; nil if this process has no keys.
	Remote Lists
	// Metrics is served at /metrics; nil for none.
	Metrics http.Handler
	// HealthApart leaves /healthz, /readyz and /metrics to [Site.Health], which is
	// then served on an address of its own.
	HealthApart bool
	Version     string
	Log         *logrus.Entry
}

// Site is all of it, ready to be served. The caller must close it.
type Site struct {
	cfg    Config
	log    *logrus.Entry
	ledger *ledger.Ledger
	client *enqueue.Client
	queues *asynq.Inspector // over cfg.Redis; not to be closed
	static assets

	handler, health http.Handler

	// What a page does in the background counts in running, and ends with ctx.
	ctx     context.Context
	end     context.CancelFunc
	running sync.WaitGroup
}

// New returns a site. It doesn't ask Redis for anything yet.
func New(cfg Config) (*Site, error) {
	if cfg.Redis == nil || cfg.Log == nil {
		return nil, errors.New("a site needs Redis and a log")
	}
	if cfg.Open == 0 {
		cfg.Open = View
	}
	s := &Site{
		cfg: cfg, log: cfg.Log,
		ledger: ledger.New(cfg.Redis), client: enqueue.New(cfg.Redis), queues: asynq.NewInspectorFromRedisClient(cfg.Redis),
	}
	var err error
	if s.static, err = newAssets(staticFiles); err != nil {
		return nil, err
	}
	s.ctx, s.end = context.WithCancel(context.Background())
	if s.handler, err = s.wire(); err != nil {
		s.end()
		return nil, err
	}
	s.health = s.recovered(securityHeaders(s.healthMux(true)))
	return s, nil
}

// wire puts the parts behind what protects them.
func (s *Site) wire() (http.Handler, error) {
	inside := http.NewServeMux()
	inside.Handle("GET /static/", s.static)
	if s.cfg.Metrics != nil && !s.cfg.HealthApart {
		inside.Handle("GET /metrics", s.cfg.Metrics)
	}
	monitors, err := s.monitors()
	if err != nil {
		return nil, err
	}
	inside.Handle(monitorPath+"/", monitors)
	s.pages(inside)

	outside := http.NewServeMux()
	if !s.cfg.HealthApart {
		health := s.healthMux(false)
		outside.Handle("/healthz", health)
		outside.Handle("/readyz", health)
	}
	outside.Handle("/", s.login(sameOrigin(allowLongStream(inside))))
	return s.recovered(securityHeaders(outside)), nil
}

// Handler serves the pages, asynqmon, and, unless they are apart, the health
// checks and the metrics.
func (s *Site) Handler() http.Handler { return s.handler }

// Health serves /healthz, /readyz and /metrics alone, without a login: they show
// no names.
func (s *Site) Health() http.Handler { return s.health }

// Close ends what runs in the background and waits for it. Requests should have
// ended before; those for /live are ended.
func (s *Site) Close() error {
	s.end()
	s.running.Wait()
	return nil
}
