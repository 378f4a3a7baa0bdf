package main

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"

	"github.com/sirupsen/logrus"

	"pilotsync/internal/config"
	"pilotsync/internal/dashboard"
	"pilotsync/internal/terminal"
	"pilotsync/test/harness"
)

// openPage opens a dashboard at an address: as a worker does, for which it is optional, or as
// `pilotsync web` does.
func openPage(t *testing.T, set config.Dashboard, optional bool) (p *servedDashboard, logged string, err error) {
	t.Helper()
	env, _ := onRedis(t)
	rdb := config.RedisSettings{RedisURL: env["REDIS_URL"]}.Parse(config.NewParser(nil)).Client
	t.Cleanup(func() { rdb.Close() })
	out := &harness.Log{}
	if p, err = openDashboard(t.Context(), set, dashboard.Config{Redis: rdb}, optional, newLogger(&terminal.Streams{Err: out}, config.Log{Level: logrus.InfoLevel})); err == nil {
		t.Cleanup(p.close)
	}
	return p, out.String(), err
}

func TestASecondWorkerOnAHostRunsWithoutADashboard(t *testing.T) {
	t.Parallel()
	// A test can't use the default port: the developer's worker may have it.
	env, _ := simulated(t)
	first := start(t, env, "worker")
	pilotsync := strings.Trim(strings.TrimPrefix(first.logged(pageURL), "http://"), "/")
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	for _, test := range []struct {
		name     string
		set      config.Dashboard
		optional bool
		missing  string // what the log says to set; empty where it is an error
	}{
		{"the default", config.Dashboard{Listen: pilotsync, IsDefault: true}, true, "for the last three PILOTSYNC_HEALTH_LISTEN"},
		{"with health elsewhere", config.Dashboard{Listen: pilotsync, IsDefault: true, Health: "127.0.0.1:0"}, true, "for one set PILOTSYNC_LISTEN"},
		{"the address was set", config.Dashboard{Listen: pilotsync}, true, ""},
		{"it has nothing else to do", config.Dashboard{Listen: pilotsync, IsDefault: true}, false, ""},
		{"another program", config.Dashboard{Listen: other.Listener.Addr().String(), IsDefault: true}, true, ""},
	} {
		p, logged, err := openPage(t, test.set, test.optional)
		if test.missing == "" {
			takes := "it takes a free address: "
			if test.optional {
				takes = "it takes a free address, or off: "
			}
			if !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), test.set.Listen) || !strings.Contains(err.Error(), takes) || logged != "" {
				t.Errorf("%s: %v, and the log is %s", test.name, err, logged)
			}
			continue
		}
		if err != nil || p.pages != nil || (p.health == nil) != (test.set.Health == "") || strings.Count(logged, "\n") != 1 ||
			!strings.Contains(logged, "another pilotsync has "+pilotsync) || !strings.Contains(logged, test.missing) {
			t.Errorf("%s: %v, %+v, and the log is %s", test.name, err, p, logged)
		}
	}
	if code := first.stop(); code != exitDone {
		t.Errorf("exit code %d", code)
	}
}
