package package_test

import (
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

// simulated are the settings for the simulator that is started below.
const simulated = `SERVERPILOT_API_URL=http://127.0.0.1:7001/v1
PILOTSYNC_DNS=127.0.0.1:7002
PILOTSYNC_TLS_PORT=7003
PILOTSYNC_TLS_ROOTS=/etc/pilotsync/simulator.pem
PILOTSYNC_ALLOW_PRIVATE_ADDRESSES=on
PILOTSYNC_SSL_DELAYS=1s,1s,2s,4s,8s
PILOTSYNC_CONFIG=/etc/pilotsync/accounts.yml
`

const accounts = "accounts:\n- {client_id: sim, api_key_file: $CREDENTIALS_DIRECTORY/pilotsync_one, apps: ["

// The whole life of a package on a host, under a real systemd: installed, set up, used,
// upgraded, removed, purged.
func TestThePackageFromInstallingToPurging(t *testing.T) {
	t.Parallel()
	target := "linux/" + runtime.GOARCH
	packages := [2]string{}
	for i, version := range []string{"v1.0.0", "v1.1.0-rc1"} {
		debs, err := filepath.Glob(filepath.Join(released(t, version, target), "*.deb"))
		if err != nil || len(debs) != 1 {
			t.Fatalf("the packages are %q, %v", debs, err)
		}
		packages[i] = debs[0]
	}
	m := newMachine(t)
	install := func(deb string) {
		t.Helper()
		content, err := os.ReadFile(deb)
		if err != nil {
			t.Fatal(err)
		}
		m.put("/var/tmp/pilotsync.deb", string(content), 0o644)
		m.must("apt-get install -y /var/tmp/pilotsync.deb")
	}

	install(packages[0])
	if out := m.must("pilotsync version"); !strings.HasPrefix(out, "pilotsync v1.0.0 (") {
		t.Errorf("it says %q", out)
	}
	if out := m.must("cd /etc/pilotsync && stat -c '%n %a %U' *"); out != "credentials 700 root\npilotsync-web.env 600 root\npilotsync.env 600 root" {
		t.Errorf("in /etc/pilotsync there is\n%s", out)
	}
	if out := m.must("systemctl list-units --plain --no-legend 'pilotsync*'"); out != "" {
		t.Errorf("nothing enabled it, but it runs: %s", out)
	}

	// This machine has no WordPress, so pilotsync can use the default Redis.
	m.must("sed -i 's,127.0.0.1:6380,127.0.0.1:6379,' /etc/pilotsync/pilotsync.env /etc/pilotsync/pilotsync-web.env")
	m.must("systemd-run -q --unit=simulator pilotsync simulate --listen=127.0.0.1:7001 --dns-listen=127.0.0.1:7002 --tls-listen=127.0.0.1:7003 " +
		"--app=app1 --app=app2 --latency=0s --cert-delay=0s --ca-file=/etc/pilotsync/simulator.pem")
	m.await("the simulator is up", "journalctl -u simulator -o cat", "# ready")
	m.must("cat >>/etc/pilotsync/pilotsync.env <<'END'\n" + simulated + "END")
	m.put("/etc/pilotsync/accounts.yml", accounts+"app1]}\n", 0o644)
	m.put("/etc/pilotsync/credentials/one", "sim-key\n", 0o600)

	// A webhook's secret, as the units' README.md has it; the URL has no server.
	m.must("mkdir /etc/systemd/system/pilotsync@.service.d && echo PILOTSYNC_WEBHOOK_URL=http://127.0.0.1:7009/ >>/etc/pilotsync/pilotsync.env")
	m.put("/etc/pilotsync/credentials/webhook-secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n", 0o600)
	m.put("/etc/systemd/system/pilotsync@.service.d/override.conf", "[Service]\nEnvironment=PILOTSYNC_WEBHOOK_SECRET_FILE=%d/pilotsync_webhook-secret\n", 0o644)
	m.must("systemctl daemon-reload")
	m.put("/etc/pilotsync/2.env", "PILOTSYNC_HEALTH_LISTEN=127.0.0.1:8082\n", 0o600)

	m.must("systemctl enable --now pilotsync@1 pilotsync@2")
	m.ends("app1", "one.example.com")
	m.isUnprivileged("pilotsync@1")
	m.must("pilotsync healthy --url http://127.0.0.1:8082/healthz")
	m.doctor()

	// A new app, without a restart.
	m.must("pilotsync enqueue add two.example.com --app app2 --force")
	m.await("the change of an unknown app waits", "pilotsync status two.example.com", "the apps served are app1")
	before := m.must("systemctl show -P MainPID pilotsync@1")
	m.put("/etc/pilotsync/accounts.yml", accounts+"app1, app2]}\n", 0o644)
	m.must("systemctl reload pilotsync@1 pilotsync@2")
	m.ends("app2", "two.example.com")
	if after := m.must("systemctl show -P MainPID pilotsync@1"); after != before {
		t.Errorf("a reload made another process of %s: %s", before, after)
	}

	m.redisAway()
	m.hangs()
	m.page()

	install(packages[1])
	if out := m.must("pilotsync version"); !strings.HasPrefix(out, "pilotsync v1.1.0-rc1 (") {
		t.Errorf("after the upgrade it says %q", out)
	}
	for _, unit := range []string{"pilotsync@1", "pilotsync@2", "pilotsync-web"} {
		m.await(unit+" was restarted", "systemctl is-active "+unit+"; journalctl -o cat -u "+unit+" -n 20", "pilotsync v1.1.0-rc1: Redis is")
	}
	if out := m.must("cat /etc/pilotsync/pilotsync.env"); !strings.Contains(out, simulated) {
		t.Errorf("after the upgrade the settings are\n%s", out)
	}
	m.ends("app1", "three.example.com")

	m.must("apt-get remove -y pilotsync")
	if out, _ := m.sh("systemctl is-active pilotsync@1 pilotsync@2 pilotsync-web; ls /usr/bin/pilotsync"); strings.Contains("\n"+out, "\nactive") || !strings.Contains(out, "No such file") {
		t.Errorf("after removing it:\n%s", out)
	}
	m.must("grep -q 7001 /etc/pilotsync/pilotsync.env && test -s /etc/pilotsync/credentials/one")
	m.must("rm -r /etc/systemd/system/pilotsync@.service.d") // made by hand
	m.must("apt-get purge -y pilotsync")
	if out, _ := m.sh("find / -xdev -name '*pilotsync*' -not -path '/var/log/*' -not -path '/tmp/*' -not -path '/var/tmp/*' -not -path '/var/lib/apt/*'"); out != "" {
		t.Errorf("after purging there is still\n%s", out)
	}
}

// ends adds a domain and waits for its certificate. It uses --force, since a worker announces a new
// app shortly after a reload.
func (m *machine) ends(app, domain string) {
	m.t.Helper()
	m.must("pilotsync enqueue add " + domain + " --app " + app + " --force --wait")
	if out := m.must("pilotsync status " + domain + " --json"); !strings.Contains(out, `"done"`) {
		m.t.Errorf("%s ended as %s", domain, out)
	}
}

// isUnprivileged checks the process, and what systemd reports of the unit's rights.
func (m *machine) isUnprivileged(unit string) {
	m.t.Helper()
	status := m.must("cat /proc/$(systemctl show -P MainPID " + unit + ")/status")
	for _, want := range []string{"CapEff:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"} {
		if !strings.Contains(status, want) {
			m.t.Errorf("%s: its process hasn't %q", unit, want)
		}
	}
	if strings.Contains(status, "Uid:\t0") {
		m.t.Errorf("%s runs as root", unit)
	}
	m.must("systemd-analyze security --no-pager --threshold=20 " + unit)
}

// doctor runs the doctor as the units' README.md says.
func (m *machine) doctor() {
	m.t.Helper()
	readme, err := os.ReadFile("../systemd/README.md")
	if err != nil {
		m.t.Fatal(err)
	}
	command := regexp.MustCompile(`(?m)^    (systemd-run (?:.* \\\n)*.* pilotsync doctor)$`).FindSubmatch(readme)
	if command == nil {
		m.t.Fatal("README.md doesn't say how to run the doctor")
	}
	out, _ := m.sh(string(command[1])) // it checks more than the simulator
	for _, want := range []string{"ok       settings:", "ok       credentials:", "ok       workers:"} {
		if !strings.Contains(out, want) {
			m.t.Errorf("the doctor doesn't say %q:\n%s", want, out)
		}
	}
}

// redisAway restarts a worker without Redis.
func (m *machine) redisAway() {
	m.t.Helper()
	m.must("systemctl stop redis-server && systemctl restart --no-block pilotsync@1")
	m.await("a worker without Redis waits", "systemctl show -P StatusText pilotsync@1; systemctl show -P ActiveState pilotsync@1", "waiting for Redis\nactivating")
	m.must("systemctl start redis-server")
	m.await("it works once Redis is there", "systemctl show -P StatusText pilotsync@1; systemctl show -P ActiveState pilotsync@1", "working\nactive")
}

// hangs suspends a worker's process, with a shorter watchdog than the unit's.
func (m *machine) hangs() {
	m.t.Helper()
	m.must("mkdir -p /run/systemd/system/pilotsync@2.service.d && printf '[Service]\\nWatchdogSec=2\\nTimeoutAbortSec=1\\n' >/run/systemd/system/pilotsync@2.service.d/test.conf && " +
		"systemctl daemon-reload && systemctl restart pilotsync@2 && kill -STOP $(systemctl show -P MainPID pilotsync@2)")
	m.await("a worker that hangs is restarted", "systemctl show -P NRestarts pilotsync@2; systemctl show -P ActiveState pilotsync@2", "1\nactive")
	m.must("rm -r /run/systemd/system/pilotsync@2.service.d && systemctl daemon-reload")
}

// correctHorse is the password "correct-horse", hashed with the least cost.
const correctHorse = "$2y$04$zRD5FPITe4M/LnmHK1UYaO96VAl4718CwgFSjn4gsxHtcWd9Zwp92"

// page starts the dashboard's unit, with users.
func (m *machine) page() {
	m.t.Helper()
	if out, err := m.sh("systemctl start pilotsync-web"); err == nil {
		m.t.Errorf("the dashboard starts without users: %s", out)
	}
	m.put("/etc/pilotsync/users", "ada:"+correctHorse+":act\n", 0o600)
	m.must("systemctl enable --now pilotsync-web")
	m.isUnprivileged("pilotsync-web")
	ask := func(header string) string {
		return "exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET / HTTP/1.0\\r\\nHost: 127.0.0.1:8080\\r\\n" + header + "\\r\\n' >&3 && head -1 <&3"
	}
	m.await("the dashboard requires a password", ask(""), " 401 ")
	m.await("the dashboard accepts ada's password", ask("Authorization: Basic YWRhOmNvcnJlY3QtaG9yc2U=\\r\\n"), " 200 ")
}
