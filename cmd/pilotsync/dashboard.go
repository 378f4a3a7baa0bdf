package main

import (
	"context"
	"errors"
	"fmt"
	stdlog "log"
	"net"
	"net/http"
	"syscall"

	"github.com/sirupsen/logrus"
	"golang.org/x/sync/errgroup"

	"pilotsync/internal/config"
	"pilotsync/internal/dashboard"
	"pilotsync/internal/listen"
)

// servedDashboard is the dashboard with its open ports.
type servedDashboard struct {
	dashboard     *dashboard.Dashboard
	pages, health net.Listener // nil for none
	healthHost    string       // as it was set
	basePath      string
	log           *logrus.Logger
}

// openDashboard opens the ports, so that a taken one is known at the start. An
// optional dashboard is left out if another pilotsync has the default address. The
// caller closes the result.
func openDashboard(ctx context.Context, set config.Dashboard, cfg dashboard.Config, optional bool, log *logrus.Logger) (_ *servedDashboard, err error) {
	cfg.Users, cfg.HealthApart, cfg.Version, cfg.Log = set.Users, set.Health != "", version(), logrus.NewEntry(log)
	cfg.BasePath, cfg.TrustedProxies = set.BasePath, set.TrustedProxies
	d := &servedDashboard{log: log, basePath: set.BasePath}
	defer func() {
		if err != nil {
			d.close()
		}
	}()
	d.pages, err = listenForDashboard(set, optional)
	if optional && set.IsDefault && errors.Is(err, syscall.EADDRINUSE) && dashboard.ServedAt(ctx, set.Listen) {
		log.Warn(withoutDashboard(set))
	} else if err != nil {
		return nil, err
	}
	if d.health, err = openPort("PILOTSYNC_HEALTH_LISTEN", set.Health, "health and metrics", "a free address, or nothing"); err != nil {
		return nil, err
	}
	if d.health != nil {
		d.healthHost, _, _ = net.SplitHostPort(set.Health) // it is open, so it is host:port
	}
	if d.dashboard, err = dashboard.New(cfg); err != nil {
		return nil, fmt.Errorf("set up the dashboard: %w", err)
	}
	return d, nil
}

func listenForDashboard(set config.Dashboard, optional bool) (net.Listener, error) {
	takes := "a free address"
	if optional {
		takes += ", or off"
	}
	return openPort("PILOTSYNC_LISTEN", set.Listen, "the dashboard", takes)
}

// withoutDashboard says what is missing because another pilotsync has the default address.
func withoutDashboard(set config.Dashboard) string {
	if set.Health != "" {
		return fmt.Sprintf("another pilotsync has %s, so this worker runs without a dashboard; for one set PILOTSYNC_LISTEN to a free address", set.Listen)
	}
	return fmt.Sprintf("another pilotsync has %s, so this worker runs without a dashboard, /healthz, /readyz and /metrics; "+
		"for all of them set PILOTSYNC_LISTEN to a free address, for the last three PILOTSYNC_HEALTH_LISTEN", set.Listen)
}

// openPort opens an address; it returns nil for an empty one.
func openPort(variable, addr, service, takes string) (net.Listener, error) {
	if addr == "" {
		return nil, nil
	}
	l, err := listen.TCP(addr)
	if err != nil {
		return nil, fmt.Errorf("%s (--%s) is %q, where %s can't be served; it takes %s: %w", variable, config.FlagOf(variable), addr, service, takes, err)
	}
	return l, nil
}

// serve answers until ctx ends.
func (d *servedDashboard) serve(ctx context.Context) error {
	serving, ctx := errgroup.WithContext(ctx)
	start := func(l net.Listener, h http.Handler, started string) {
		if l == nil {
			return
		}
		d.log.Infof(started, l.Addr())
		serving.Go(func() error { return dashboard.Serve(ctx, l, h, stdlog.New(warnings{d.log}, "", 0)) })
	}
	start(d.pages, d.dashboard.Handler(), "the dashboard is at http://%s"+d.basePath+"/")
	start(d.health, dashboard.LoopbackHosts(d.health, d.healthHost, d.dashboard.Health()), "health and metrics are at http://%s/")
	return serving.Wait()
}

// close closes what is open; after serve, only the handlers are.
func (d *servedDashboard) close() {
	for _, l := range []net.Listener{d.pages, d.health} {
		if l != nil {
			_ = l.Close() // serve has closed it already
		}
	}
	if d.dashboard != nil {
		_ = d.dashboard.Close()
	}
}
