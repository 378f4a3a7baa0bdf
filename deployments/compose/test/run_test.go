package test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Everything that needs the image, which is built once.
func TestEverythingRunsAsTheFilesSay(t *testing.T) {
	t.Parallel()
	const version = "v1.2.3-test"
	image, err := os.MkdirTemp("", "image") // open to other users
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(image) })
	if err := os.Chmod(image, 0o755); err != nil {
		t.Fatal(err)
	}
	buildImage(t, image, version)
	t.Run("the image is static and small", func(t *testing.T) { t.Parallel(); theImageIsStatic(t, image, version) })
	t.Run("each variable is a setting of its command", func(t *testing.T) { t.Parallel(); variablesAreSettings(t, image) })
	t.Run("the real thing", func(t *testing.T) { t.Parallel(); theRealThing(t, image) })
	t.Run("the trial", func(t *testing.T) { t.Parallel(); theTrial(t, image) })
}

func variablesAreSettings(t *testing.T, image string) {
	for name, s := range whole(t).Services {
		if s.Build == nil {
			continue
		}
		if len(s.Entrypoint) > 0 || len(s.Command) == 0 {
			t.Fatalf("%s: entry point %q, command %q; it takes a subcommand alone", name, s.Entrypoint, s.Command)
		}
		command := s.Command
		if i := slices.IndexFunc(command, func(word string) bool { return strings.HasPrefix(word, "-") }); i > 0 {
			command = command[:i]
		}
		help, err := exec.CommandContext(t.Context(), filepath.Join(image, "pilotsync"), append(slices.Clone(command), "--help")...).Output()
		if err != nil {
			t.Fatal(err)
		}
		known := regexp.MustCompile(`\$[A-Z_]+`).FindAllString(string(help), -1)
		for variable := range s.Environment {
			if !slices.Contains(known, "$"+variable) {
				t.Errorf("%s sets %s, which 'pilotsync %s' doesn't know", name, variable, s.Command[0])
			}
		}
	}
	for name, s := range whole(t).Services {
		if s.Build != nil {
			continue
		}
		for variable := range s.Environment {
			// Grafana has no list to hold them to; this is its rule for names.
			if name != "grafana" || !regexp.MustCompile(`^GF_[A-Z]+_[A-Z_]+$`).MatchString(variable) {
				t.Errorf("%s sets %s, which no test looks at", name, variable)
			}
		}
	}
}

// begin makes the passwords and starts Redis, as each project does first.
func (w *world) begin() (redis *container) {
	w.t.Helper()
	for _, needed := range []string{"redis-server", "redis-cli", "prometheus", "promtool"} {
		if _, err := exec.LookPath(needed); err != nil {
			w.t.Skipf("needs %s on PATH (Debian: redis-server, prometheus): %v", needed, err)
		}
	}
	for i := range 2 { // the second time is the next `up`
		p := w.container("passwords", i+1)
		out := p.must(p.main()...)
		if made := fmt.Sprintf("%d passwords were made", []int{redisUsers(w.t) + 2, 0}[i]); !strings.HasPrefix(out, made) {
			w.t.Errorf("the service passwords says %q, want %q", out, made)
		}
	}
	redis = w.container("redis", 1)
	redis.start()
	redis.awaitHealthy()
	if out, _ := redis.run("redis-cli", "-h", redis.address, "ping"); !strings.Contains(out, "NOAUTH") {
		w.t.Errorf("Redis tells somebody without a password: %s", out)
	}
	return redis
}

// redisUsers counts those who can log in, by the sample of which the list is made.
func redisUsers(t *testing.T) int {
	t.Helper()
	list, err := os.ReadFile("../../redis/users.acl")
	if err != nil {
		t.Fatal(err)
	}
	return len(regexp.MustCompile(`(?m)^user \S+ on `).FindAll(list, -1))
}

// shown is what `docker compose run --rm passwords passwords show` tells: the page's
// password, and the URLs of PHP and the administrator.
func (w *world) shown() (page, php, admin string) {
	w.t.Helper()
	text := w.container("passwords", 3).must("/pilotsync", "passwords", "show", "--folder=/var/lib/pilotsync")
	found := regexp.MustCompile(`(?s)page: +user admin, password (\S+)\n.*PHP: +(redis://php:\S+)\nRedis: +(redis://admin:\S+)`).FindStringSubmatch(text)
	if found == nil {
		w.t.Fatalf("it shows:\n%s", text)
	}
	return found[1], w.published(found[2]), w.published(found[3])
}

// published is the URL of what who connects to a published port of Redis comes to.
func (w *world) published(redisURL string) string {
	w.t.Helper()
	u, err := url.Parse(redisURL)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, p := range w.project.Services["redis"].Ports {
		if u.Port() == p.Published {
			u.Host = net.JoinHostPort(w.hosts["redis"], fmt.Sprint(p.Target))
			return u.String()
		}
	}
	w.t.Fatalf("%s isn't what is published: %+v", u.Redacted(), w.project.Services["redis"].Ports)
	return ""
}

// done waits until domains of app1 have gone all the way.
func (c *container) done(domains ...string) {
	c.w.t.Helper()
	await(c.w.t, fmt.Sprintf("%d domains are done", len(domains)), func() bool {
		var all []struct{ Domain, State string }
		out, err := c.run("/pilotsync", "status", "--app=app1", "--state=done", "--json")
		if err != nil {
			c.w.t.Fatalf("status: %v\n%s", err, out)
		}
		if err := json.Unmarshal([]byte(out), &all); err != nil {
			return false
		}
		for _, d := range domains {
			if !slices.ContainsFunc(all, func(a struct{ Domain, State string }) bool { return a.Domain == d }) {
				return false
			}
		}
		return true
	})
}

func get(t *testing.T, url, password string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if password != "" {
		req.SetBasicAuth("admin", password)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// theRealThing runs what three variables start, with two workers, and leads them
// to the simulator in place of ServerPilot, DNS and the web.
func theRealThing(t *testing.T, image string) {
	project, err := load(t, map[string]string{"WU_SERVER_PILOT_CLIENT_ID": "sim", "WU_SERVER_PILOT_API_KEY": "sim-key", "WU_SERVER_PILOT_APP_ID": "app1", "WORKERS": "2"})
	if err == nil {
		project, err = project.WithProfiles([]string{"*"})
	}
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, image, project)
	w.begin()
	simulator := w.container("simulator", 1)
	simulator.s.Command = append(slices.Clone(simulator.s.Command), "--cert-delay=0s", "--latency=50ms")
	simulator.start()
	simulator.awaitHealthy()
	for name, value := range project.Services["try-worker"].Environment {
		if strings.HasPrefix(name, "PILOTSYNC_") && !strings.HasSuffix(name, "LISTEN") || name == "SERVERPILOT_API_URL" {
			w.extra = append(w.extra, name+"="+simulator.here(*value))
		}
	}
	w.extra = append(w.extra, "PILOTSYNC_SSL_DELAYS=1s,1s,2s,3s")
	var workers []*container
	scaled := project.Services["worker"]
	for i := range scaled.GetScale() {
		c := w.container("worker", i+1)
		c.start()
		workers = append(workers, c)
	}
	web := w.container("web", 1)
	web.start()
	for _, c := range append(workers, web) {
		c.awaitHealthy()
	}
	prometheus := startPrometheus(t, w, workers, web)

	// From PHP's side, through what is published.
	page, php, _ := w.shown()
	add := func(domains ...string) {
		cmd := exec.CommandContext(t.Context(), filepath.Join(image, "pilotsync"), append([]string{"enqueue", "add", "--app=app1", "--redis-url=" + php}, domains...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("enqueue as PHP: %v\n%s", err, out)
		}
	}
	var domains []string
	for i := range 20 {
		domains = append(domains, fmt.Sprintf("shop%d.example.com", i))
	}
	add(domains...)
	// Whichever asks Redis first takes what is there; of single changes each gets some.
	took := regexp.MustCompile(`(?m)^pilotsync_changes_recorded_total\{result="recorded"\} [1-9]`)
	await(t, "each worker has taken changes", func() bool {
		if len(domains) < 100 {
			domains = append(domains, fmt.Sprintf("single%d.example.com", len(domains)))
			add(domains[len(domains)-1])
		}
		return !slices.ContainsFunc(workers, func(c *container) bool {
			_, text := get(t, "http://"+c.address+":8081/metrics", "")
			return !took.MatchString(text)
		})
	})
	workers[0].done(domains...)

	for path, want := range map[string]string{"/domains": domains[0], "/asynqmon/": "<html", "/asynqmon/api/queues": "domains"} {
		if status, _ := get(t, "http://"+web.address+":8080"+path, ""); status != http.StatusUnauthorized {
			t.Errorf("%s without the password: %d", path, status)
		}
		if status, text := get(t, "http://"+web.address+":8080"+path, page); status != http.StatusOK || !strings.Contains(text, want) {
			t.Errorf("%s: %d; want %q in\n%.400s", path, status, want, text)
		}
	}
	for query, want := range map[string]string{`sum(up{job="pilotsync"})`: "3", `max(pilotsync_workers)`: "2"} {
		await(t, query+" is "+want, func() bool { return prometheus.value(query) == want })
	}
	if status, text := get(t, "http://"+prometheus.address+":9090/api/v1/rules", ""); status != http.StatusOK || !strings.Contains(text, "PilotsyncNotScraped") {
		t.Errorf("Prometheus's rules: %d %.300s", status, text)
	}
	if out, err := workers[0].run("/pilotsync", "doctor"); err != nil {
		t.Errorf("the doctor, in a worker's container: %v\n%s", err, out)
	}
	for _, c := range append([]*container{prometheus, web}, workers...) {
		c.stop()
	}
}

// startPrometheus runs it with its configuration, in which the names that DNS
// would resolve become the containers' addresses, and which is quicker.
func startPrometheus(t *testing.T, w *world, workers []*container, web *container) *container {
	t.Helper()
	c := w.container("prometheus", 1)
	if out, err := exec.CommandContext(t.Context(), "promtool", "check", "config", filepath.Join(c.root, "etc/prometheus/prometheus.yml")).CombinedOutput(); err != nil {
		t.Errorf("promtool: %v\n%s", err, out)
	}
	file := filepath.Join(c.root, "etc/prometheus/prometheus.yml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var targets []string
	for _, target := range append(slices.Clone(workers), web) {
		targets = append(targets, fmt.Sprintf("%q", target.address+":8081"))
	}
	search := regexp.MustCompile(`(?s)dns_sd_configs:.*`)
	if !search.Match(text) {
		t.Fatal("the configuration has no search by DNS")
	}
	text = search.ReplaceAll(text, []byte("static_configs: [{targets: ["+strings.Join(targets, ", ")+"]}]\n"))
	text = []byte(strings.ReplaceAll(string(text), "15s", "1s"))
	if err := os.WriteFile(file, text, 0o644); err != nil {
		t.Fatal(err)
	}
	c.start()
	c.awaitHealthy()
	return c
}

// value is what an instant query answers with, if that is one number.
func (c *container) value(query string) string {
	c.w.t.Helper()
	_, text := get(c.w.t, "http://"+c.address+":9090/api/v1/query?query="+url.QueryEscape(query), "")
	var answer struct {
		Data struct {
			Result []struct{ Value []any }
		}
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil || len(answer.Data.Result) != 1 {
		return text
	}
	return fmt.Sprint(answer.Data.Result[0].Value[1])
}
