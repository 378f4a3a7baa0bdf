package main

import (
	"context"
	"crypto/x509"
	"fmt"
	"io"
	stdlog "log"
	"net"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/sirupsen/logrus"
	"golang.org/x/sync/errgroup"

	"pilotsync/enqueue"
	"pilotsync/internal/config"
	"pilotsync/internal/dashboard"
	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/worker"
	"pilotsync/worker/certcheck"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
	"pilotsync/worker/registry"
)

const (
	demoClientID = "sim"
	demoAPIKey   = "sim-key"

	demoLatency   = 150 * time.Millisecond // long enough that changes gather during a call
	demoCertDelay = 700 * time.Millisecond // a late certificate takes ten times as long
)

// demoDelays take the place of minutes. Together they are longer than a late
// certificate takes.
func demoDelays() []time.Duration {
	return []time.Duration{1 * time.Second, 1 * time.Second, 2 * time.Second, 2 * time.Second, 3 * time.Second}
}

// demoWorld is everything the demo needs, on loopback and in this process: a
// Redis, a stand-in for ServerPilot, and a real worker.
type demoWorld struct {
	redis  *miniredis.Miniredis
	sim    *simulator.Simulator
	rdb    *redis.Client
	ledger *ledger.Ledger
	client *enqueue.Client
	log    *logrus.Logger
	lists  *remoteLists
	page   string // the status page's address

	stop    context.CancelFunc
	running *errgroup.Group
	// failed is closed when the worker or the page ended by an error.
	failed <-chan struct{}
}

// startDemo starts the world; the caller must close it.
func startDemo(apps []demoApp, log io.Writer) (_ *demoWorld, err error) {
	w := &demoWorld{redis: miniredis.NewMiniRedis(), log: newLogger(&streams{Err: log}, config.Log{Level: logrus.InfoLevel, Format: "text"}), stop: func() {}, running: &errgroup.Group{}}
	defer func() {
		if err != nil {
			_ = w.close()
		}
	}()
	if err := w.redis.Start(); err != nil {
		return nil, fmt.Errorf("starting the embedded Redis: %w", err)
	}
	options := simulator.Options{Latency: demoLatency, CertDelay: demoCertDelay}
	var ids []string
	for _, app := range apps {
		options.Apps = append(options.Apps, simulator.App{ID: app.id, Domains: app.byHand})
		ids = append(ids, app.id)
	}
	if w.sim, err = simulator.Start(options); err != nil {
		return nil, fmt.Errorf("starting the simulator: %w", err)
	}
	for _, app := range apps {
		if app.trouble {
			w.sim.FailNext(app.id, simulator.WriteList, simulator.Fault{Kind: simulator.Error5xx},
				simulator.Fault{Kind: simulator.Error429, For: time.Second})
		}
	}
	w.rdb = redis.NewClient(&redis.Options{Addr: w.redis.Addr(), PoolSize: 200})
	w.ledger, w.client = ledger.New(w.rdb), enqueue.New(w.rdb)
	return w, w.run(ids)
}

// run starts the worker, the status page and the clock.
func (w *demoWorld) run(apps []string) error {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(w.sim.CAPEM())
	accounts := []registry.Account{{ClientID: demoClientID, APIKey: demoAPIKey, Apps: apps}}
	wk, err := worker.New(worker.Config{
		Redis: w.rdb, APIURL: w.sim.APIURL(),
		Accounts:  accounts,
		Rules:     listsync.Rules{WWW: tasks.WWWAlways},
		SSLDelays: demoDelays(),
		// The simulated web servers are on loopback.
		Check:       certcheck.Config{DNS: w.sim.DNSAddr(), Port: w.sim.TLSPort(), Roots: roots, AllowPrivate: true},
		Concurrency: 64, Log: w.log,
	})
	if err != nil {
		return fmt.Errorf("starting the worker: %w", err)
	}
	if w.lists, err = newRemoteLists(w.rdb, config.API{APIURL: w.sim.APIURL()}, []config.Account{config.Account(accounts[0])}); err != nil {
		return fmt.Errorf("reading lists for the status page: %w", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("opening a port for the status page: %w", err)
	}
	w.page = "http://" + listener.Addr().String() + "/"
	// Nothing here is real: whoever looks may try the buttons, too.
	site, err := dashboard.New(dashboard.Config{Redis: w.rdb, Remote: w.lists, Open: dashboard.Act, Version: version(), Log: logrus.NewEntry(w.log)})
	if err != nil {
		_ = listener.Close()
		return fmt.Errorf("making the status page: %w", err)
	}

	ctx, stop := context.WithCancel(context.Background())
	running, ctx := errgroup.WithContext(ctx)
	w.stop, w.running, w.failed = stop, running, ctx.Done()
	running.Go(func() error { return wk.Run(ctx) })
	running.Go(func() error {
		defer func() { _ = site.Close() }()
		return dashboard.Serve(ctx, listener, site.Handler(), stdlog.New(w.log.Out, "page: ", stdlog.LstdFlags))
	})
	running.Go(func() error { w.moveClock(ctx); return nil })
	return nil
}

// moveClock lets the time of Redis's keys pass: in miniredis it stands still
// unless it is moved.
func (w *demoWorld) moveClock(ctx context.Context) {
	ticker := time.NewTicker(500 * time.Millisecond)
	defer ticker.Stop()
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			w.redis.FastForward(now.Sub(last))
			last = now
		}
	}
}

func (w *demoWorld) redisURL() string { return "redis://" + w.redis.Addr() + "/0" }

// close stops the worker first, as it needs all the rest, and returns the error
// that it or the page ended with.
func (w *demoWorld) close() error {
	w.stop()
	err := w.running.Wait()
	if w.lists != nil {
		w.lists.close()
	}
	if w.rdb != nil {
		_ = w.rdb.Close() // nothing of it is kept
	}
	if w.sim != nil {
		w.sim.Close()
	}
	w.redis.Close()
	return err
}
