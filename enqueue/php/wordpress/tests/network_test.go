//go:build wordpress

package wordpress

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pilotsync/test/freeport"
	"pilotsync/test/harness"
)

// requestTimeout is how long a request may take on a very busy machine.
const requestTimeout = 2 * time.Minute

// debianWordPress is the folder of Debian's package wordpress.
const debianWordPress = "/usr/share/wordpress"

// network is a WordPress network with its own database, web server and folder. All of it ends
// with the test.
type network struct {
	t      *testing.T
	folder string
	url    string // of the web server
	host   string // of requests; the main network's if empty
	env    []string
}

// state is the state of the network after some steps.
type state struct {
	Output  string            `json:"output"`
	Domains map[string]string `json:"domains"` // stage, and whether secure
	Log     []string          `json:"log"`
	Calls   []string          `json:"calls"`  // of the built-in provider, and polling
	Queued  int               `json:"queued"` // due actions
	Outbox  []string          `json:"outbox"`
}

// step is a step of site/orders.php, with its arguments.
type step []any

// newNetwork skips the test if a package is missing.
func newNetwork(t *testing.T, redisURL, secret string) *network {
	t.Helper()
	for _, program := range []string{"php", "mariadbd", "mariadb-install-db", "make"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("needs %s (Debian: php-cli, mariadb-server, make): %v", program, err)
		}
	}
	if _, err := os.Stat(debianWordPress); err != nil {
		t.Skip("needs Debian's wordpress: ", err)
	}
	modules, err := exec.Command("php", "-m").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, module := range []string{"mysqli", "redis"} {
		if !slices.Contains(strings.Fields(string(modules)), module) {
			t.Skipf("needs PHP's extension %s (Debian: php-mysql, php-redis)", module)
		}
	}

	// Not t.TempDir, because the path of a socket has at most 107 bytes.
	folder, err := os.MkdirTemp("", "pilotsync-wp-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	n := &network{t: t, folder: folder}
	socket := filepath.Join(folder, "db.sock")
	n.env = append(os.Environ(), "TEST_DB_SOCKET="+socket, "TEST_REDIS_URL="+redisURL, "TEST_WEBHOOK_SECRET="+secret, "PHP_CLI_SERVER_WORKERS=4")

	n.startDatabase(socket)
	site := filepath.Join(folder, "site")
	// Debian replaces files by links to other packages; cp -L follows them.
	n.run("", "cp", "-rL", debianWordPress, site)
	for _, file := range []string{"wp-config.php", "install.php", "cli.php", "ultimate-multisite.php", "domain-lists.php"} {
		n.run("", "cp", "site/"+file, site)
	}
	n.run("TEST_INSTALL=1", "php", filepath.Join(site, "install.php"))
	muPlugins := filepath.Join(site, "wp-content", "mu-plugins")
	if err := os.MkdirAll(muPlugins, 0o755); err != nil {
		t.Fatal(err)
	}
	n.run("", "cp", "site/orders.php", muPlugins)
	n.run("", "cp", "site/sunrise.php", filepath.Join(site, "wp-content"))
	n.run("", "make", "-s", "-C", "../../../..", "plugin", "PLUGIN="+filepath.Join(site, "wp-content", "plugins"))
	n.startWeb(site)
	return n
}

// run runs a program to its end.
func (n *network) run(variable, program string, args ...string) {
	n.t.Helper()
	cmd := exec.CommandContext(n.t.Context(), program, args...)
	cmd.Env = append(n.env, variable)
	if out, err := cmd.CombinedOutput(); err != nil {
		n.t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
}

func (n *network) startDatabase(socket string) {
	n.t.Helper()
	data := filepath.Join(n.folder, "db")
	options := []string{"--no-defaults", "--datadir=" + data}
	if os.Getuid() == 0 {
		options = append(options, "--user=root")
	}
	n.run("", "mariadb-install-db", append(options, "--auth-root-authentication-method=normal", "--skip-test-db")...)
	// At its start a server deletes all temporary tables in its temporary folder.
	n.start("mariadbd", append(options, "--tmpdir="+data, "--socket="+socket, "--skip-networking", "--pid-file="+filepath.Join(n.folder, "db.pid"),
		"--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=32M")...)
	harness.AwaitTrue(n.t, "the database to answer", func() bool {
		conn, err := net.Dial("unix", socket)
		if err != nil {
			return false
		}
		_ = conn.Close()
		return true
	})
}

func (n *network) startWeb(site string) {
	n.t.Helper()
	addr, err := freeport.Addr()
	if err != nil {
		n.t.Fatal(err)
	}
	n.url = "http://" + addr
	n.start("php", "-d", "opcache.enable_cli=1", "-d", "opcache.revalidate_freq=0", "-S", addr, "-t", site)
	harness.AwaitTrue(n.t, "the web server to answer", func() bool {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			return false
		}
		_ = conn.Close()
		return true
	})
}

// start starts a program that ends with the test, including its children.
func (n *network) start(program string, args ...string) {
	n.t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Env = n.env
	harness.Start(n.t, cmd)
}

// do takes some steps in one request, and runs the actions that they queue in later requests.
// It returns the resulting state.
func (n *network) do(steps ...step) state {
	n.t.Helper()
	s := n.doOnce(steps...)
	output := s.Output
	for s.Queued > 0 {
		s = n.doOnce(step{"queue"})
		output += s.Output
	}
	s.Output = output
	return s
}

// doOnce takes some steps and doesn't run what they queue.
func (n *network) doOnce(steps ...step) state {
	n.t.Helper()
	if steps == nil {
		steps = []step{}
	}
	body, err := json.Marshal(steps)
	if err != nil {
		n.t.Fatal(err)
	}
	status, answer := n.post("/?test", body, nil)
	var s state
	if err := json.Unmarshal(answer, &s); err != nil || status != http.StatusOK {
		n.t.Fatalf("the steps %s were answered with %d and %s", body, status, answer)
	}
	return s
}

func (n *network) post(path string, body []byte, header map[string]string) (status int, answer []byte) {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(n.t.Context(), requestTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, n.url+path, bytes.NewReader(body))
	if err != nil {
		n.t.Fatal(err)
	}
	req.Host = n.host
	for name, value := range header {
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultTransport.RoundTrip(req) // follows no redirect
	if err != nil {
		n.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(resp.Body)
	if err != nil {
		n.t.Fatal(err)
	}
	return resp.StatusCode, answer
}

// visit requests a page as a visitor does. It returns "served", "sign-up page", or the
// address to which the visitor is redirected.
func (n *network) visit(address string) string {
	n.t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		n.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(n.t.Context(), requestTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, n.url+"/", nil)
	if err != nil {
		n.t.Fatal(err)
	}
	req.Host = u.Host
	req.Header.Set("X-Forwarded-Proto", u.Scheme)
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		n.t.Fatal(err)
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err != nil {
		n.t.Fatal(err)
	}
	to := resp.Header.Get("Location")
	switch {
	case strings.Contains(to, "/wp-signup.php"):
		return "sign-up page"
	case to != "":
		return "sent to " + to
	case resp.StatusCode == http.StatusOK && bytes.Contains(page, []byte("Site of ")):
		return "served"
	}
	return fmt.Sprintf("%d %.200s", resp.StatusCode, page)
}

// phpErrors returns PHP's messages about the plugin's files, and all database errors.
// WordPress itself uses deprecated features of PHP 8.2.
func (n *network) phpErrors() []string {
	text, err := os.ReadFile(filepath.Join(n.folder, "site", "debug.log"))
	if err != nil {
		n.t.Fatal(err)
	}
	var found []string
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, "plugins/pilotsync/") || strings.Contains(line, "database error") || strings.Contains(line, "PHP Fatal") {
			found = append(found, line)
		}
	}
	return found
}

// cron runs what WordPress has scheduled.
func (n *network) cron() {
	n.t.Helper()
	if status, answer := n.post("/wp-cron.php?doing_wp_cron", nil, nil); status != http.StatusOK {
		n.t.Fatalf("wp-cron.php answered %d: %s", status, answer)
	}
}

// cli runs a command of wp pilotsync and returns its output.
func (n *network) cli(args ...string) (string, error) {
	n.t.Helper()
	cmd := exec.CommandContext(n.t.Context(), "php", append([]string{filepath.Join(n.folder, "site", "cli.php")}, args...)...)
	cmd.Env = n.env
	out, err := cmd.CombinedOutput()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		n.t.Fatal(err)
	}
	return string(out), err
}

// toggleFile creates an empty file in the site, or removes it.
func (n *network) toggleFile(name string, there bool) {
	n.t.Helper()
	path := filepath.Join(n.folder, "site", name)
	err := os.Remove(path)
	if there {
		err = os.WriteFile(path, nil, 0o600)
	}
	if err != nil {
		n.t.Fatal(err)
	}
}

// writeFile writes a file into the site until the test ends.
func (n *network) writeFile(name, content string) {
	n.t.Helper()
	path := filepath.Join(n.folder, "site", name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { _ = os.Remove(path) })
}

// removeFile removes a file of the site before the test ends.
func (n *network) removeFile(name string) error {
	return os.Remove(filepath.Join(n.folder, "site", name))
}
