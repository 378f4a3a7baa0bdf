package dashboard

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"sync"

	"github.com/redis/go-redis/v9"
	"github.com/sirupsen/logrus"

	"pilotsync/enqueue"
	"pilotsync/internal/loopback"
	"pilotsync/worker/ledger"
)

// ListReader reads the list of one app from ServerPilot.
type ListReader interface {
	List(ctx context.Context, app string) ([]string, error)
}

// Config configures a [Dashboard].
type Config struct {
	// Redis has the ledger and the queues. The caller closes it.
	Redis redis.UniversalClient
	// Users may log in; nil for no login. Without a login only requests for a loopback
	// host are answered, health checks included, as a protection against DNS rebinding.
	Users *Users
	// Open is the role of every request if Users is nil; the default is [View]. Use [Act]
	// only for demonstrations, since any program on the machine could act.
	Open Role
	// Remote reads lists from ServerPilot; nil if this process has no credentials.
	Remote ListReader
	// Metrics is served at /metrics; nil for none.
	Metrics http.Handler
	// HealthApart leaves /healthz, /readyz and /metrics to [Dashboard.Health], which the
	// caller then serves on another address.
	HealthApart bool
	// BasePath is the path of the dashboard, such as /pilotsync, without a slash at its end; empty
	// for the root. /healthz, /readyz and /metrics stay at the root, too.
	BasePath string
	// TrustedProxies are the networks of proxies whose X-Forwarded-For names the sender.
	TrustedProxies []netip.Prefix
	Version        string
	Log            *logrus.Entry
}

// Dashboard has the handlers to serve. The caller must close it.
type Dashboard struct {
	cfg      Config
	log      *logrus.Entry
	ledger   *ledger.Ledger
	enqueuer *enqueue.Client
	static   assets

	handler, health http.Handler

	// The pages' background work ends with ctx, and running counts it.
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup
}

// New returns a dashboard. It doesn't access Redis yet.
func New(cfg Config) (*Dashboard, error) {
	if cfg.Redis == nil || cfg.Log == nil {
		return nil, errors.New("a dashboard needs Redis and a log")
	}
	if cfg.Open == 0 {
		cfg.Open = View
	}
	s := &Dashboard{
		cfg: cfg, log: cfg.Log,
		ledger: ledger.New(cfg.Redis), enqueuer: enqueue.New(cfg.Redis),
	}
	var err error
	if s.static, err = newAssets(staticFiles); err != nil {
		return nil, err
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	if s.handler, err = s.routes(); err != nil {
		s.cancel()
		return nil, err
	}
	s.health = s.recoverPanics(securityHeaders(s.healthMux(true)))
	return s, nil
}

// routes wraps the parts in login, headers and the other protections.
func (s *Dashboard) routes() (http.Handler, error) {
	inside := http.NewServeMux()
	base := basePath(s.cfg.BasePath)
	inside.Handle("GET /static/", s.static)
	if s.cfg.Metrics != nil && !s.cfg.HealthApart {
		inside.Handle("GET /metrics", s.cfg.Metrics)
	}
	monitors, err := s.asynqmonHandler()
	if err != nil {
		return nil, err
	}
	inside.Handle(monitorPath+"/", monitors)
	s.registerPages(inside)

	outside := http.NewServeMux()
	if !s.cfg.HealthApart {
		health := s.healthMux(false)
		outside.Handle("/healthz", health)
		outside.Handle("/readyz", health)
	}
	outside.Handle("/", s.login(sameOrigin(allowLongStream(inside))))
	if s.cfg.Users != nil {
		return s.recoverPanics(securityHeaders(base.serve(outside))), nil
	}
	local := refuseHosts(loopback.Is, "Without a login (PILOTSYNC_AUTH) the dashboard responds only under a name of the machine itself, such as localhost or 127.0.0.1.\n", base.serve(outside))
	return s.recoverPanics(securityHeaders(local)), nil
}

// Handler serves the pages, asynqmon, and, without [Config.HealthApart], health checks and
// metrics.
func (s *Dashboard) Handler() http.Handler { return s.handler }

// Health serves only /healthz, /readyz and /metrics, without a login. Serve it under
// [LoopbackHosts].
func (s *Dashboard) Health() http.Handler { return s.health }

// Close ends the background work and the streams of /live, and waits for them. All other
// requests should have ended before.
func (s *Dashboard) Close() error {
	s.cancel()
	s.running.Wait()
	return nil
}
