package demo

import (
	"context"
	"crypto/x509"
	"fmt"
	"io"
	stdlog "log"
	"net"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/sirupsen/logrus"
	"golang.org/x/sync/errgroup"

	"pilotsync/enqueue"
	"pilotsync/internal/dashboard"
	"pilotsync/internal/embeddedredis"
	"pilotsync/internal/serverpilot"
	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/worker"
	"pilotsync/worker/certcheck"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
	"pilotsync/worker/registry"
	"pilotsync/worker/webhook"
)

const (
	clientID = "sim"
	apiKey   = "sim-key"
	// With it the sites prove that they belong to the network.
	siteSecret = "the key of the demo's webhook"

	latency   = 150 * time.Millisecond // long enough that changes gather during a call
	certDelay = 700 * time.Millisecond // a late certificate takes ten times as long
)

// sslDelays replace minutes. Their sum is longer than a late certificate takes.
func sslDelays() []time.Duration {
	return []time.Duration{1 * time.Second, 1 * time.Second, 2 * time.Second, 2 * time.Second, 3 * time.Second}
}

// services are everything the demo needs, on loopback and in this process: a Redis, a
// simulated ServerPilot, and a real worker with its dashboard.
type services struct {
	redis  *embeddedredis.Redis
	sim    *simulator.Simulator
	rdb    *redis.Client
	ledger *ledger.Ledger
	client *enqueue.Client
	log    *logrus.Logger
	lists  *serverpilot.Lists
	// dashboard is its address.
	dashboard string

	stop    context.CancelFunc
	running *errgroup.Group
	// failed is closed when the worker or the dashboard ended by an error.
	failed <-chan struct{}
}

// start starts the services; the caller must close them.
func start(apps []appCase, version string, log io.Writer) (_ *services, err error) {
	svc := &services{log: newLogger(log), stop: func() {}, running: &errgroup.Group{}}
	defer func() {
		if err != nil {
			_ = svc.close()
		}
	}()
	if svc.redis, err = embeddedredis.Start("127.0.0.1:0"); err != nil {
		return nil, err
	}
	options := simulator.Options{Latency: latency, CertDelay: certDelay, SiteSecret: []byte(siteSecret)}
	var ids []string
	for _, app := range apps {
		options.Apps = append(options.Apps, simulator.App{ID: app.id, Domains: app.byHand})
		ids = append(ids, app.id)
	}
	if svc.sim, err = simulator.Start(options); err != nil {
		return nil, fmt.Errorf("start the simulator: %w", err)
	}
	for _, app := range apps {
		if app.trouble {
			svc.sim.FailNext(app.id, simulator.WriteList, simulator.Fault{Kind: simulator.Error5xx},
				simulator.Fault{Kind: simulator.Error429, For: time.Second})
		}
	}
	svc.rdb = redis.NewClient(&redis.Options{Addr: svc.redis.Addr(), PoolSize: 200})
	svc.ledger, svc.client = ledger.New(svc.rdb), enqueue.New(svc.rdb)
	return svc, svc.run(ids, version)
}

// run starts the worker and the dashboard.
func (svc *services) run(apps []string, version string) error {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(svc.sim.CAPEM())
	accounts := []registry.Account{{ClientID: clientID, APIKey: apiKey, Apps: apps}}
	wk, err := worker.New(worker.Config{
		Redis: svc.rdb, APIURL: svc.sim.APIURL(),
		Accounts:  accounts,
		Rules:     listsync.Rules{WWW: tasks.WWWAlways},
		SSLDelays: sslDelays(),
		// The simulated web servers are on loopback.
		Check: certcheck.Config{DNS: svc.sim.DNSAddr(), Port: svc.sim.TLSPort(), Roots: roots, AllowPrivate: true,
			Proxies: []certcheck.Proxy{svc.sim.Proxy()}},
		Webhook:     webhook.Target{Keys: [][]byte{[]byte(siteSecret)}}, // events go nowhere
		Concurrency: 64, Log: svc.log,
	})
	if err != nil {
		return fmt.Errorf("start the worker: %w", err)
	}
	if svc.lists, err = serverpilot.NewLists(svc.rdb, svc.sim.APIURL(), 0, []serverpilot.Account{serverpilot.Account(accounts[0])}); err != nil {
		return fmt.Errorf("make the dashboard's clients: %w", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("open a port for the dashboard: %w", err)
	}
	svc.dashboard = "http://" + listener.Addr().String() + "/"
	// Nothing here is real, so every visitor may use the buttons.
	site, err := dashboard.New(dashboard.Config{Redis: svc.rdb, Remote: svc.lists, Open: dashboard.Act, Version: version, Log: logrus.NewEntry(svc.log)})
	if err != nil {
		_ = listener.Close()
		return fmt.Errorf("make the dashboard: %w", err)
	}

	ctx, stop := context.WithCancel(context.Background())
	running, ctx := errgroup.WithContext(ctx)
	svc.stop, svc.running, svc.failed = stop, running, ctx.Done()
	running.Go(func() error { return wk.Run(ctx) })
	running.Go(func() error {
		defer func() { _ = site.Close() }()
		return dashboard.Serve(ctx, listener, site.Handler(), stdlog.New(svc.log.Out, "dashboard: ", stdlog.LstdFlags))
	})
	return nil
}

// close stops the worker first, since it needs everything else, and returns the error
// of the worker or the dashboard.
func (svc *services) close() error {
	svc.stop()
	err := svc.running.Wait()
	if svc.lists != nil {
		svc.lists.Close()
	}
	if svc.rdb != nil {
		_ = svc.rdb.Close() // nothing of it is kept
	}
	if svc.sim != nil {
		svc.sim.Close()
	}
	if svc.redis != nil {
		svc.redis.Close()
	}
	return err
}

func newLogger(out io.Writer) *logrus.Logger {
	log := logrus.New()
	log.SetOutput(out)
	log.SetFormatter(&logrus.TextFormatter{FullTimestamp: true})
	return log
}
