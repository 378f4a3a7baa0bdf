package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestHealthyRequestsTheLocalProcess(t *testing.T) {
	t.Parallel()
	env, _ := onRedis(t)
	settings := env.With(vars{"PILOTSYNC_LISTEN": "0.0.0.0:0", "PILOTSYNC_AUTH": passwords(t), "PILOTSYNC_HEALTH_LISTEN": ":0"})
	w := start(t, settings, "web")
	_, port, err := net.SplitHostPort(strings.TrimSuffix(strings.TrimPrefix(w.logged(healthURL), "http://"), "/"))
	if err != nil {
		t.Fatal(err)
	}
	for _, listen := range []string{":" + port, "0.0.0.0:" + port, "127.0.0.1:" + port, "[::]:" + port} {
		got := command(t, settings.With(vars{"PILOTSYNC_HEALTH_LISTEN": listen, "PILOTSYNC_AUTH": "/not/for/us"}), "", "healthy")
		if got.code != exitDone || !strings.HasPrefix(got.out, "healthy: http://") || strings.Count(got.out, "\n") != 1 || got.err != "" {
			t.Errorf("%s: %+v", listen, got)
		}
	}
	w.stop()
	got := command(t, settings.With(vars{"PILOTSYNC_HEALTH_LISTEN": ":" + port}), "", "healthy")
	if got.code != exitFailed || !strings.HasPrefix(got.err, "pilotsync: not healthy: ") || strings.Count(got.err, "\n") != 1 || got.out != "" {
		t.Errorf("once it is gone: %+v", got)
	}
}

func TestHealthyUsesLoopback(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]string{
		":8080": "127.0.0.1:8080", "0.0.0.0:8080": "127.0.0.1:8080", "[::]:8080": "[::1]:8080",
		"[::1]:8080": "[::1]:8080", "192.0.2.7:8080": "192.0.2.7:8080", "localhost:8080": "localhost:8080",
	} {
		if got := onLoopback(addr); got != want {
			t.Errorf("%s is asked at %s, want %s", addr, got, want)
		}
	}
}

func TestHealthySaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	addr := strings.TrimPrefix(other.URL, "http://")
	for _, test := range []struct {
		env  vars
		args string
		code int
		want string
	}{
		{vars{"PILOTSYNC_LISTEN": addr}, "", exitFailed, "http://" + addr + "/healthz: it answers 404"},
		{vars{"PILOTSYNC_LISTEN": "off"}, "", exitUsage, "no address can be asked"},
		{vars{"PILOTSYNC_LISTEN": "8080"}, "", exitUsage, `PILOTSYNC_LISTEN (--listen) is "8080"`},
		{nil, "--url=http://192.0.2.7/", exitUsage, "it takes an http URL on a loopback address"},
		{nil, "--url=" + other.URL + "/x?hunter2", exitFailed, "not healthy: " + other.URL + "/[redacted]: it answers 404"},
	} {
		got := command(t, test.env, "", strings.Fields("healthy "+test.args)...)
		if got.code != test.code || !strings.Contains(got.err, test.want) || got.out != "" {
			t.Errorf("%v %s: %+v; want code %d and %s", test.env, test.args, got, test.code, test.want)
		}
	}
}
