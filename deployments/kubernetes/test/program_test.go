package test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// stepLimit is for what takes a second or two on an idle machine.
const stepLimit = 2 * time.Minute

// buildProgram builds the program from the source beside.
func buildProgram(t *testing.T) string {
	t.Helper()
	binary, err := filepath.Abs(filepath.Join(t.TempDir(), "pilotsync"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "./cmd/pilotsync")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build the program: %v\n%s", err, out)
	}
	return binary
}

// All tests that need the program, which is built once.
func TestTheProgramIsAsItsPodsTakeIt(t *testing.T) {
	t.Parallel()
	program := buildProgram(t)
	t.Run("each variable is a setting of its command", func(t *testing.T) { t.Parallel(); variablesAreSettings(t, program) })
	t.Run("a worker", func(t *testing.T) { t.Parallel(); aWorkerRuns(t, program) })
	t.Run("a page", func(t *testing.T) { t.Parallel(); aPageRuns(t, program) })
}

func variablesAreSettings(t *testing.T, program string) {
	known := map[string][]string{}
	for variant := range variants() {
		for _, d := range build(t, variant).deployments {
			c := container(t, d)
			if len(c.Args) != 1 || len(c.Command) > 0 || len(c.EnvFrom) > 0 {
				t.Fatalf("%s: args %q, command %q, envFrom %v; it takes the subcommand as its only argument", d.Name, c.Args, c.Command, c.EnvFrom)
			}
			if known[c.Args[0]] == nil {
				help, err := exec.CommandContext(t.Context(), program, c.Args[0], "--help").Output()
				if err != nil {
					t.Fatal(err)
				}
				known[c.Args[0]] = regexp.MustCompile(`\$[A-Z_]+`).FindAllString(string(help), -1)
			}
			if len(known[c.Args[0]]) < 5 {
				t.Fatalf("the help of %s names the variables %q", c.Args[0], known[c.Args[0]])
			}
			for _, v := range c.Env {
				if !slices.Contains(known[c.Args[0]], "$"+v.Name) {
					t.Errorf("%s: %s sets %s, which 'pilotsync %s' doesn't know", variant, d.Name, v.Name, c.Args[0])
				}
			}
		}
	}
}

// secretKeys are the keys of the Secrets that README.md creates, by name.
func secretKeys(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string][]string{}
	for _, m := range regexp.MustCompile(`create secret generic (\S+)((?: --from-file=\S+)+)`).FindAllStringSubmatch(string(text), -1) {
		for option := range strings.FieldsSeq(m[2]) {
			keys[m[1]] = append(keys[m[1]], strings.TrimPrefix(option, "--from-file="))
		}
	}
	return keys
}

// files are those of a deployment's mounted volumes, by their path in the pod. A ConfigMap's have
// their content; a Secret's are empty, since only the keys are known.
func (m manifests) files(t *testing.T, d *appsv1.Deployment) map[string]string {
	t.Helper()
	mounts, files := map[string]string{}, map[string]string{}
	for _, mount := range container(t, d).VolumeMounts {
		mounts[mount.Name] = mount.MountPath
	}
	for _, v := range d.Spec.Template.Spec.Volumes {
		at, mounted := mounts[v.Name]
		if !mounted {
			t.Errorf("%s: volume %s isn't mounted", d.Name, v.Name)
		}
		delete(mounts, v.Name)
		switch {
		case v.ConfigMap != nil:
			i := slices.IndexFunc(m.configs, func(c *corev1.ConfigMap) bool { return c.Name == v.ConfigMap.Name && c.Namespace == d.Namespace })
			if i < 0 {
				t.Fatalf("%s: there is no ConfigMap %s", d.Name, v.ConfigMap.Name)
			}
			for key, text := range m.configs[i].Data {
				files[path.Join(at, key)] = text
			}
		case v.Secret != nil:
			keys := secretKeys(t)[v.Secret.SecretName]
			if len(keys) == 0 {
				t.Errorf("%s: README.md doesn't make the Secret %s", d.Name, v.Secret.SecretName)
			}
			for _, key := range keys {
				files[path.Join(at, key)] = ""
			}
		}
	}
	if len(mounts) > 0 {
		t.Errorf("%s: there are no volumes for %v", d.Name, mounts)
	}
	return files
}

func TestEachFileThatIsNamedIsMounted(t *testing.T) {
	t.Parallel()
	m := build(t, "example")
	for _, d := range m.deployments {
		files, used := m.files(t, d), map[string]bool{}
		need := func(who, name string) {
			if _, there := files[name]; !there {
				t.Errorf("%s: %s names %s, which is in no mounted volume", d.Name, who, name)
			}
			used[name] = true
		}
		for _, v := range container(t, d).Env {
			if strings.HasPrefix(v.Value, "/") {
				need(v.Name, v.Value)
			}
		}
		for name, text := range files {
			for _, key := range regexp.MustCompile(`(?m)_file: *(\S+)`).FindAllStringSubmatch(text, -1) {
				need(name, key[1])
			}
		}
		for name := range files {
			if !used[name] {
				t.Errorf("%s: nothing uses %s", d.Name, name)
			}
		}
	}
}

// pod is a deployment's container as a plain process, with only its variables and files. Each
// mounted folder is one below a temporary folder, and each port a free one on loopback. Webhooks
// are sent to the test.
type pod struct {
	t     *testing.T
	d     *appsv1.Deployment
	cmd   *exec.Cmd
	log   *log
	ended chan error
}

// log keeps a process's output, and shows it with the test.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
	out  io.Writer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Write(p)
	return l.out.Write(p)
}

func (l *log) find(re *regexp.Regexp) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return re.FindStringSubmatch(l.text.String())
}

// newPod prepares the example's deployment of that name. secrets are the contents of the Secret's
// keys, webhook replaces each https URL, and more are variables for the test's own services.
func newPod(t *testing.T, program, name string, secrets map[string]string, webhook string, more ...string) *pod {
	t.Helper()
	m := build(t, "example")
	i := slices.IndexFunc(m.deployments, func(d *appsv1.Deployment) bool { return d.Name == name })
	if i < 0 {
		t.Fatalf("there is no deployment %s", name)
	}
	d, folder := m.deployments[i], t.TempDir()
	c := container(t, d)
	var pairs []string
	for _, mount := range c.VolumeMounts {
		pairs = append(pairs, mount.MountPath+"/", filepath.Join(folder, mount.MountPath)+"/")
	}
	here := strings.NewReplacer(pairs...)
	for file, text := range m.files(t, d) {
		if text == "" {
			var there bool
			if text, there = secrets[path.Base(file)]; !there {
				t.Fatalf("the test has no content for the secret %s", file)
			}
		}
		if err := os.MkdirAll(filepath.Dir(here.Replace(file)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(here.Replace(file), []byte(here.Replace(text)), 0o400); err != nil {
			t.Fatal(err)
		}
	}
	env := slices.Clone(more)
	for _, v := range c.Env {
		value := here.Replace(v.Value)
		if strings.HasPrefix(value, "https://") {
			value = webhook
		}
		for _, p := range c.Ports {
			if value == fmt.Sprintf(":%d", p.ContainerPort) {
				value = "127.0.0.1:0"
			}
		}
		env = append(env, v.Name+"="+value)
	}
	return &pod{t: t, d: d, cmd: &exec.Cmd{Path: program, Args: append([]string{program}, c.Args...), Env: env, Dir: folder}}
}

// start starts the process, which ends with the test at the latest.
func (p *pod) start() {
	p.t.Helper()
	p.log, p.ended = &log{out: p.t.Output()}, make(chan error, 1)
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	go func() { p.ended <- p.cmd.Wait(); close(p.ended) }()
	p.t.Cleanup(func() { _ = p.cmd.Process.Kill(); <-p.ended })
}

// address is the served address that the log names.
func (p *pod) address(what string) string {
	p.t.Helper()
	said := regexp.MustCompile(regexp.QuoteMeta(what) + ` at http://([0-9.:]+)/`)
	await(p.t, "the log tells where "+what, func() bool { return p.log.find(said) != nil })
	return p.log.find(said)[1]
}

// probed is the status of a probe's path, as the kubelet sees it; 0 without an answer within the
// probe's time limit.
func (p *pod) probed(probe *corev1.Probe) int {
	client := http.Client{Timeout: time.Duration(probe.TimeoutSeconds) * time.Second}
	defer client.CloseIdleConnections()
	resp, err := client.Get("http://" + p.address("health and metrics are") + probe.HTTPGet.Path)
	if err != nil {
		return 0
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

// stop sends SIGTERM and waits for a successful end within the grace period.
func (p *pod) stop() {
	p.t.Helper()
	grace := time.Duration(*p.d.Spec.Template.Spec.TerminationGracePeriodSeconds) * time.Second
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	began := time.Now()
	select {
	case err := <-p.ended:
		if err != nil {
			p.t.Errorf("%s ended with: %v", p.d.Name, err)
		}
		p.t.Logf("%s ended %s after SIGTERM, of %s", p.d.Name, time.Since(began).Round(time.Millisecond), grace)
	case <-time.After(grace):
		p.t.Errorf("%s hasn't ended within its grace period of %s", p.d.Name, grace)
	}
}

func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(stepLimit); !ok(); <-time.After(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %s", what, stepLimit)
		}
	}
}

// redisServer is a real Redis on a socket, which needs no port.
type redisServer struct {
	t      *testing.T
	binary string
	folder string
	cmd    *exec.Cmd
}

func startRedis(t *testing.T) *redisServer {
	t.Helper()
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("needs redis-server on PATH (Debian: redis-server): ", err)
	}
	// A socket's path has a length limit, which a test's folder can exceed.
	folder, err := os.MkdirTemp("", "k8s")
	if err != nil {
		t.Fatal(err)
	}
	r := &redisServer{t: t, binary: binary, folder: folder}
	t.Cleanup(func() { r.stop(); _ = os.RemoveAll(folder) })
	r.start()
	return r
}

func (r *redisServer) socket() string { return filepath.Join(r.folder, "redis") }
func (r *redisServer) url() string    { return "redis-socket://" + r.socket() }

func (r *redisServer) start() {
	r.t.Helper()
	r.cmd = exec.Command(r.binary, "--port", "0", "--unixsocket", r.socket(), "--dir", r.folder, "--appendonly", "yes", "--save", "")
	if err := r.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	await(r.t, "redis-server answers", func() bool {
		conn, err := net.Dial("unix", r.socket())
		if err != nil {
			return false
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(time.Second))
		answer := make([]byte, 5)
		_, err = conn.Write([]byte("PING\r\n"))
		if err == nil {
			_, err = io.ReadFull(conn, answer)
		}
		return err == nil && string(answer) == "+PONG"
	})
}

func (r *redisServer) stop() {
	if r.cmd != nil {
		_ = r.cmd.Process.Signal(syscall.SIGTERM)
		_ = r.cmd.Wait()
		r.cmd = nil
	}
}

// simulate runs the program's simulator for the example's account. It returns the variables with
// which a worker uses it in place of ServerPilot, DNS and the web.
func simulate(t *testing.T, program, key string) []string {
	t.Helper()
	var file struct {
		Accounts []struct {
			ClientID string `json:"client_id"`
			Apps     []string
		}
	}
	text, err := os.ReadFile("../example/accounts.yml")
	if err == nil {
		err = yaml.Unmarshal(text, &file)
	}
	if err != nil || len(file.Accounts) != 1 {
		t.Fatalf("accounts.yml has %+v, want one account: %v", file, err)
	}
	args := []string{"simulate", "--client-id=" + file.Accounts[0].ClientID, "--api-key=" + key, "--cert-delay=0s", "--ca-file=" + filepath.Join(t.TempDir(), "ca.pem")}
	for _, app := range file.Accounts[0].Apps {
		args = append(args, "--app="+app)
	}
	said := &log{out: t.Output()}
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Signal(syscall.SIGTERM); _ = cmd.Wait() })
	ready := regexp.MustCompile(`(?s)(.*)# ready`)
	await(t, "the simulator is up", func() bool { return said.find(ready) != nil })
	var env []string
	for _, m := range regexp.MustCompile(`(?m)^export (\w+)=(.*)$`).FindAllStringSubmatch(said.find(ready)[1], -1) {
		if !strings.HasPrefix(m[1], "WU_") { // the pod sets those itself
			env = append(env, m[1]+"="+strings.Trim(m[2], "'"))
		}
	}
	return env
}

func aWorkerRuns(t *testing.T, program string) {
	redis := startRedis(t)
	const key = "key-of-the-secret"
	signatures := make(chan string, 100)
	wordpress := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case signatures <- r.Header.Get("webhook-signature"):
		default: // the first is enough
		}
	}))
	t.Cleanup(wordpress.Close)
	p := newPod(t, program, "pilotsync-worker", map[string]string{"redis-url": redis.url() + "\n", "api-key": key + "\n",
		"webhook-secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n"}, wordpress.URL, simulate(t, program, key)...)
	p.start()
	live, ready := container(t, p.d).LivenessProbe, container(t, p.d).ReadinessProbe
	await(t, "the worker is ready", func() bool { return p.probed(ready) == http.StatusOK && p.probed(live) == http.StatusOK })

	pilotsync := func(args ...string) []byte {
		cmd := exec.CommandContext(t.Context(), program, append(args, "--redis-url="+redis.url())...)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("pilotsync %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return out
	}
	pilotsync("enqueue", "add", "shop.example.com", "--app=app1")
	await(t, "the domain is listed", func() bool {
		out := pilotsync("status", "--app=app1", "--json")
		return json.Valid(out) && regexp.MustCompile(`"checking-|"done"`).Match(out)
	})
	select {
	case signature := <-signatures:
		if signature == "" {
			t.Error("the event isn't signed with the mounted secret")
		}
	case <-time.After(stepLimit):
		t.Errorf("no event came to the webhook within %s", stepLimit)
	}
	checkQueryMetrics(t, p)

	// Redis ends: the worker isn't ready, but continues.
	redis.stop()
	await(t, "the worker isn't ready while Redis is unavailable", func() bool { return p.probed(ready) == http.StatusServiceUnavailable })
	for range live.FailureThreshold {
		if status := p.probed(live); status != http.StatusOK {
			t.Errorf("while Redis is unavailable the liveness probe gets %d: the worker would be killed", status)
		}
	}
	redis.start()
	await(t, "the worker is ready again", func() bool { return p.probed(ready) == http.StatusOK })
	p.stop()
}

// checkQueryMetrics fails if the scaler's query uses a metric, or a queue or kind of one, that
// workers don't have.
func checkQueryMetrics(t *testing.T, p *pod) {
	t.Helper()
	_, trigger := scaler(t)
	query := trigger.Metadata["query"]
	metrics := regexp.MustCompile(`(\w+)\{([^}]*)\}`).FindAllStringSubmatch(query, -1)
	if len(metrics) == 0 {
		t.Fatalf("the query names no metric: %s", query)
	}
	for _, metric := range metrics {
		label, values := "queue", "domains" // of a metric without either, one queue will do
		if named := regexp.MustCompile(`(queue|kind)=~"([a-z|]+)"`).FindStringSubmatch(metric[2]); named != nil {
			label, values = named[1], named[2]
		}
		for value := range strings.SplitSeq(values, "|") {
			series := fmt.Sprintf("\n%s{%s=%q} ", metric[1], label, value)
			await(t, "the worker tells"+series, func() bool {
				resp, err := http.Get("http://" + p.address("health and metrics are") + "/metrics")
				if err != nil {
					return false
				}
				defer resp.Body.Close()
				text, err := io.ReadAll(resp.Body)
				return err == nil && strings.Contains(string(text), series)
			})
		}
	}
}

func aPageRuns(t *testing.T, program string) {
	redis := startRedis(t)
	// ada's password is "correct-horse", hashed with the least cost.
	p := newPod(t, program, "pilotsync-page", map[string]string{"redis-url": redis.url(),
		"users": "ada:$2y$04$zRD5FPITe4M/LnmHK1UYaO96VAl4718CwgFSjn4gsxHtcWd9Zwp92:act\n"}, "")
	p.start()
	c := container(t, p.d)
	await(t, "the dashboard is ready", func() bool {
		return p.probed(c.ReadinessProbe) == http.StatusOK && p.probed(c.LivenessProbe) == http.StatusOK
	})
	for password, want := range map[string]int{"": http.StatusUnauthorized, "correct-horse": http.StatusOK} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+p.address("the dashboard is")+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		if password != "" {
			req.SetBasicAuth("ada", password)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("with the password %q the dashboard answers %d, want %d", password, resp.StatusCode, want)
		}
	}
	redis.stop()
	await(t, "the dashboard isn't ready while Redis is unavailable", func() bool { return p.probed(c.ReadinessProbe) == http.StatusServiceUnavailable })
	if status := p.probed(c.LivenessProbe); status != http.StatusOK {
		t.Errorf("while Redis is unavailable the dashboard's liveness probe gets %d", status)
	}
	p.stop()
}
