package package_test

import (
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

// networkFiles are the test network's own files: WordPress's settings, and the stand-in for Ultimate
// Multisite.
const networkFiles = root + "/enqueue/php/wordpress/tests/site"

// A Debian administrator with the package alone pastes the commands of
// deployments/systemd/README.md, and maps a domain in WordPress.
func TestThePackagesREADMEGetsADomainFromWordPressToDone(t *testing.T) {
	t.Parallel()
	debs, err := filepath.Glob(filepath.Join(released(t, "v1.0.0", "linux/"+runtime.GOARCH), "*.deb"))
	if err != nil || len(debs) != 1 {
		t.Fatalf("the packages are %q, %v", debs, err)
	}
	m := newMachine(t)
	run(t, "cp", debs[0], filepath.Join(m.root, "var/tmp/pilotsync.deb"))
	m.must("apt-get install -y /var/tmp/pilotsync.deb")
	m.must("systemd-run -q --unit=simulator pilotsync simulate --listen=127.0.0.1:7001 --dns-listen=127.0.0.1:7002 --tls-listen=127.0.0.1:7003 " +
		"--app=app1 --latency=0s --cert-delay=0s --ca-file=/etc/pilotsync/simulator.pem")
	m.await("the simulator is up", "journalctl -u simulator -o cat", "# ready")

	printed := ""
	for _, command := range pasted(t, "../systemd/README.md", "From the package to a mapped domain") {
		switch {
		case strings.HasPrefix(command, "editor "):
			settings := strings.Replace(simulated, "PILOTSYNC_CONFIG=/etc/pilotsync/accounts.yml\n", "", 1) + "WU_SERVER_PILOT_CLIENT_ID=sim\nWU_SERVER_PILOT_APP_ID=app1\n"
			m.must("cat >>/etc/pilotsync/pilotsync.env <<'END'\n" + settings + "END\n" +
				"sed -i 's,https://network.example/,http://127.0.0.1:7008/,' /etc/pilotsync/pilotsync.env")
		case strings.Contains(command, "/dev/stdin") && strings.Contains(command, "paste the key"):
			m.must("echo sim-key | " + command)
		case strings.HasPrefix(command, "wp "):
			if command != "wp pilotsync test" && command != "wp plugin install /usr/share/pilotsync/pilotsync.zip --activate-network" {
				t.Errorf("README.md has %q, which this test doesn't do", command)
			}
		default:
			printed += m.must(command) + "\n"
		}
	}
	defines := regexp.MustCompile(`(?m)^define\( '[A-Z_]+', '[^']+' \);$`).FindAllString(printed, -1)
	if len(defines) != 2 {
		t.Fatalf("the commands printed no two lines for wp-config.php, but %q", printed)
	}
	m.wordPress(strings.Join(defines, "\n"))

	if out := m.must("TEST_DB_SOCKET=/srv/db.sock php /srv/site/cli.php test"); !strings.Contains(out, "Success") {
		t.Errorf("wp pilotsync test says\n%s", out)
	}
	m.step(`["map", "shop.example.com"]`)
	m.step(`["queue"]`)
	m.await("the mapped domain is done in WordPress", `curl() { exec 3<>/dev/tcp/127.0.0.1/7008; printf 'POST /?test HTTP/1.0\r\nContent-Length: 2\r\n\r\n[]' >&3; cat <&3; }; curl`,
		`"shop.example.com":"done secure"`)
	m.must(`REDIS_URL=$(sed -n 's/^REDIS_URL=//p' /etc/pilotsync/pilotsync.env) pilotsync status shop.example.com --json | grep -q '"done"'`)

	// The Redis instance keeps its acknowledged data.
	const knows = `REDIS_URL=$(sed -n 's/^REDIS_URL=//p' /etc/pilotsync/pilotsync.env) pilotsync status shop.example.com --json | grep -q '"done"'`
	m.must("systemctl restart redis-server@pilotsync")
	m.must(knows)

	for _, command := range pasted(t, "../systemd/README.md", "The dashboard") {
		if !strings.HasPrefix(command, "htpasswd ") {
			m.must(command)
			continue
		}
		m.must("echo 'ada:" + correctHorse + "' >/etc/pilotsync/users")
	}
	m.await("the dashboard shows the domain", `exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET /domains HTTP/1.0\r\nHost: 127.0.0.1:8080\r\nAuthorization: Basic YWRhOmNvcnJlY3QtaG9yc2U=\r\n\r\n' >&3 && cat <&3`, "shop.example.com")
	for _, command := range pasted(t, "../systemd/README.md", "Back up") {
		m.must(command)
	}
	m.must("redis-check-rdb /var/backups/pilotsync.rdb && test $(stat -c %s /var/backups/pilotsync.rdb) -gt 1000")

	// It belongs to the administrator, and stays when the package is removed.
	m.must("apt-get remove -y pilotsync && systemctl restart redis-server@pilotsync")
	m.must(`redis-cli -u "$(sed -n 's/^REDIS_URL=//p' /etc/pilotsync/pilotsync.env)" hget 'pilotsync:{app1}:domains' shop.example.com | grep -q '"done"'`)
}

// pasted are the commands of a document's section, without their indentation.
func pasted(t *testing.T, file, section string) (commands []string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(text), "\n## "+section+"\n")
	within, _, _ := strings.Cut(after, "\n## ")
	within = strings.ReplaceAll(within, "\\\n", "")
	for line := range strings.Lines(within) {
		if command, indented := strings.CutPrefix(strings.TrimRight(line, "\n"), "    "); indented {
			commands = append(commands, strings.TrimSpace(command))
		}
	}
	if !found || len(commands) == 0 {
		t.Fatalf("%s has no commands under %q: %q", file, section, commands)
	}
	return commands
}

// wordPress makes a network with a database and a web server on port 7008, with the given lines
// in its wp-config.php. It installs the plugin from the package's zip, as an upload in the
// network admin does.
func (m *machine) wordPress(lines string) {
	m.t.Helper()
	run(m.t, "cp", "-rL", "/usr/share/wordpress", filepath.Join(m.root, "srv/site"))
	run(m.t, "sh", "-c", `cp "$0"/*.php "$1"`, networkFiles, filepath.Join(m.root, "srv/site")) // each test of the plugin also uses other places for some of them
	m.must("mkdir -p /srv/site/wp-content/mu-plugins")
	run(m.t, "cp", filepath.Join(networkFiles, "orders.php"), filepath.Join(m.root, "srv/site/wp-content/mu-plugins"))
	run(m.t, "cp", filepath.Join(networkFiles, "sunrise.php"), filepath.Join(m.root, "srv/site/wp-content"))
	m.put("/srv/lines.php", lines+"\n", 0o600)
	m.must("sed -i '/^require_once ABSPATH/e cat /srv/lines.php' /srv/site/wp-config.php")
	const environment = "export TEST_DB_SOCKET=/srv/db.sock; "
	m.must("mariadb-install-db --force --no-defaults --user=root --datadir=/srv/db --auth-root-authentication-method=normal --skip-test-db && " +
		"systemd-run -q --unit=database mariadbd --no-defaults --user=root --datadir=/srv/db --socket=/srv/db.sock --skip-networking")
	m.await("the database answers", "test -S /srv/db.sock && echo yes", "yes")
	m.must(environment + "TEST_INSTALL=1 php /srv/site/install.php")
	m.must("systemd-run -q --unit=web -E TEST_DB_SOCKET=/srv/db.sock -E PHP_CLI_SERVER_WORKERS=4 php -S 127.0.0.1:7008 -t /srv/site")
	m.await("the web server answers", "exec 3<>/dev/tcp/127.0.0.1/7008 && echo yes", "yes")
	m.step() // makes the stand-in's tables
	m.put("/srv/upload.php", `<?php
require '/srv/site/wp-load.php';
require ABSPATH . 'wp-admin/includes/file.php';
WP_Filesystem();
$result = unzip_file( '/usr/share/pilotsync/pilotsync.zip', WP_PLUGIN_DIR );
exit( is_wp_error( $result ) ? $result->get_error_message() : 0 );
`, 0o600)
	m.must(environment + "php /srv/upload.php && test -s /srv/site/wp-content/plugins/pilotsync/pilotsync.php")
	m.step(`["activate"]`)
}

// step sends the network several instructions in one request.
func (m *machine) step(steps ...string) {
	m.t.Helper()
	m.put("/srv/steps.json", "["+strings.Join(steps, ",")+"]", 0o600)
	out := m.must(`exec 3<>/dev/tcp/127.0.0.1/7008; printf 'POST /?test HTTP/1.0\r\nContent-Length: %d\r\n\r\n' $(stat -c %s /srv/steps.json) >&3; cat /srv/steps.json >&3; cat <&3`)
	if !strings.Contains(out, `"output":""`) {
		m.t.Fatalf("%v: %s", steps, out)
	}
}
