package engine

import (
	"fmt"
	"maps"
	"net"
	"regexp"
	"slices"
	"strings"
)

const (
	accountHeading = "Several accounts, and other settings"
	loginHeading   = "Passwords and secrets"
	backupHeading  = "Back up"
)

// env writes .env: the three variables, and others.
func (p *project) env(key string, others ...string) {
	p.t.Helper()
	p.put(".env", "WU_SERVER_PILOT_CLIENT_ID=sim\nWU_SERVER_PILOT_API_KEY="+key+"\nWU_SERVER_PILOT_APP_ID=app1\n"+strings.Join(others, "\n")+"\n")
}

// theRealThing starts what three variables start. ServerPilot can't be reached from here.
func theRealThing(e *engine) {
	p := newProject(e, "real", "")
	p.env("first")
	p.asDocumented("Start", "docker compose up -d")
	p.awaitUp()
	if out, err := p.try(p.folder, p.documented("Start", "doctor")); err == nil || !strings.Contains(out, "ServerPilot") {
		p.t.Errorf("without ServerPilot the doctor says (%v):\n%s", err, out)
	}
	known := p.passwords()
	p.onlyThisMachineReachesIt(known)
	domains := hosts("php", 20)
	p.php(known.php, "app1", domains...)
	await(p.t, "it says that ServerPilot can't be reached", func() bool {
		return strings.Contains(p.compose("exec worker /pilotsync status "+domains[0]+" --app app1"), "api.serverpilot.io")
	})

	p.asDocumented("Start", "--scale worker=4")
	p.awaitUp()
	if n := len(p.containers("worker")); n != 4 {
		p.t.Errorf("there are %d workers", n)
	}
	await(p.t, "Prometheus has four workers and the dashboard", func() bool { up, all := targets(p.t); return up == 5 && all == 5 })

	for _, day := range []struct {
		what    string
		happens func()
	}{
		{"a worker crashed", func() { p.crash("worker") }},
		{"Redis crashed", func() { p.crash("redis") }},
		{"Redis was restarted", func() { p.compose("restart redis") }},
		{"the engine was restarted", func() { p.stop(); p.start() }},
		{"the engine crashed and was started", func() { p.engine.crash(); p.start(); p.asDocumented("Start", "docker compose up -d") }},
		{"everything was stopped and started", func() { p.compose("stop"); p.asDocumented("Start", "docker compose up -d") }},
	} {
		p.t.Log(day.what)
		acknowledged := p.load(known.php, "app1", strings.ReplaceAll(strings.ToLower(day.what), " ", "-"))
		day.happens()
		p.awaitUp()
		domains = append(domains, acknowledged()...)
		await(p.t, "everything is known after "+day.what, func() bool {
			states := p.states("worker", "app1")
			return !slices.ContainsFunc(domains, func(d string) bool { return states[d] != "pending" })
		})
	}
	if out := p.compose("logs redis"); strings.Contains(out, "NOPERM") {
		p.t.Errorf("Redis didn't let itself read its file:\n%s", out)
	}
	p.ownUsers()
	p.keyChange(known)
	p.severalAccounts(known)
	p.upgrade()
	p.compose("down --volumes")
	p.requireRemoved("pilotsync")
}

func (p *project) onlyThisMachineReachesIt(known passwords) {
	p.t.Helper()
	for page, want := range map[string]int{"8080/": 200, "8080/asynqmon/": 200, "3000/api/health": 200, "9090/-/ready": 200} {
		if got := login(p.t, "http://127.0.0.1:"+page, "admin", known.page); got != want {
			p.t.Errorf("%s: status %d, want %d", page, got, want)
		}
	}
	for _, password := range []string{"", "wrong"} {
		if got := login(p.t, "http://127.0.0.1:8080/", "admin", password); got != 401 {
			p.t.Errorf("the dashboard with the password %q: status %d", password, got)
		}
	}
	for _, port := range []string{"8080", "3000", "9090", "6380"} {
		if c, err := net.Dial("tcp", net.JoinHostPort(gateway, port)); err == nil {
			_ = c.Close()
			p.t.Errorf("port %s is published at an address that isn't loopback", port)
		}
	}
}

func (p *project) users(password string) {
	p.put("login/users", p.run(p.folder, `php -r 'echo "ada:".password_hash(getenv("PASSWORD"), PASSWORD_BCRYPT).":act";'`, "PASSWORD="+password)+"\n")
}

// ownUsers uses the users that README.md shows, and new ones after the file is replaced.
func (p *project) ownUsers() {
	p.t.Helper()
	p.users("one")
	p.put("docker-compose.override.yml", p.override(loginHeading))
	p.asDocumented(loginHeading, "docker compose up -d")
	p.awaitUp()
	p.awaitLogin("one")
	p.users("two")
	p.awaitLogin("two")
}

func (p *project) awaitLogin(password string) {
	p.t.Helper()
	await(p.t, "ada may log in", func() bool { return login(p.t, "http://127.0.0.1:8080/", "ada", password) == 200 })
}

// simulated points workers to a simulator on their own network, in place of ServerPilot.
const simulated = `
services:
  worker:
    environment: {SERVERPILOT_API_URL: "http://127.0.0.1:9000/v1", PILOTSYNC_DNS: "127.0.0.1:9053"}
  api:
    image: pilotsync:${VERSION:-local}
    network_mode: service:worker
    command: [simulate, --listen=127.0.0.1:9000, --dns-listen=127.0.0.1:9053, --api-key=second, "--account=two:key-two=app2"]
    tmpfs: [/tmp]
    healthcheck: {test: [CMD, /pilotsync, healthy, "--url=http://127.0.0.1:9000/_simulator/apps"], interval: 1s}
`

// keyChange follows the document: workers use the new key without a restart.
func (p *project) keyChange(known passwords) {
	p.t.Helper()
	const files = "COMPOSE_FILE=docker-compose.yml:docker-compose.override.yml:simulated.yml"
	p.put("simulated.yml", simulated)
	p.env("first", files)
	p.asDocumented("Start", "docker compose up -d")
	p.awaitUp()
	p.php(known.php, "app1", "key.example.com")
	await(p.t, "the key is refused", func() bool {
		return strings.Contains(p.compose("exec worker /pilotsync status key.example.com --app app1"), "401")
	})
	before := p.containers("worker")[0].ID
	for name, line := range map[string]string{"empty": "", "of spaces": "'  '"} {
		p.env(line, files)
		if out, err := p.try(p.folder, "docker compose up -d"); err == nil || name == "empty" && !strings.Contains(out, "WU_SERVER_PILOT_API_KEY") {
			p.t.Errorf("with a key that is %s (%v):\n%s", name, err, out)
		}
	}
	p.env("second", files)
	p.asDocumented(loginHeading, "docker compose up -d")
	await(p.t, "the new key is taken", func() bool { return p.states("worker", "app1")["key.example.com"] != "pending" })
	if after := p.containers("worker")[0].ID; after != before {
		p.t.Errorf("the worker was made anew")
	}
}

// severalAccounts follows the document. It adds an account to the running worker, which the engine
// can still restart.
func (p *project) severalAccounts(known passwords) {
	p.t.Helper()
	const one = "accounts:\n  - {client_id: sim, api_key_file: key-one, apps: [app1]}\n"
	for name, text := range map[string]string{"accounts.yml": one, "key-one": "second\n", "key-two": "key-two\n"} {
		p.put("accounts/"+name, text)
	}
	p.put("accounts.yml", p.override(accountHeading))
	p.env("unused", "COMPOSE_FILE=docker-compose.yml:docker-compose.override.yml:accounts.yml:simulated.yml")
	own := p.documented(accountHeading, "chown", "sudo ", "")
	p.run(p.folder, own)
	p.asDocumented(accountHeading, "docker compose up -d")
	p.awaitUp()
	p.php(known.php, "app2", "two.example.com")
	p.awaitState("worker", "app2", "two.example.com", "pending")
	p.put("accounts/accounts.yml", one+"  - {client_id: two, api_key_file: key-two, apps: [app2]}\n")
	p.run(p.folder, own)
	await(p.t, "the new account is served", func() bool { return p.states("worker", "app2")["two.example.com"] != "pending" })
	p.crash("worker")
}

// upgrade builds another version and follows the document to it.
func (p *project) upgrade() {
	p.t.Helper()
	before := p.states("worker", "app1")
	p.put(".env", p.read(".env")+"VERSION=v9.8.7\n")
	p.asDocumented("Upgrade", "build", " --pull", "") // there is no registry
	p.asDocumented("Upgrade", "up -d")
	p.awaitUp()
	if out := p.compose("exec worker /pilotsync version"); !strings.Contains(out, "v9.8.7") {
		p.t.Errorf("it is %s", out)
	}
	if after := p.states("worker", "app1"); len(after) < 20 || !maps.Equal(keys(before), keys(after)) {
		p.t.Errorf("there were %v, and then %v", before, after)
	}
}

func keys(states map[string]string) map[string]bool {
	all := map[string]bool{}
	for name := range states {
		all[name] = true
	}
	return all
}

// theImage builds the image by the README's command; it contains little more than the program.
func theImage(e *engine) {
	p := newProject(e, "image", "")
	command := p.documented("The image", "docker build")
	p.run(p.folder, command, "DOCKER_BUILDKIT=1")
	if out := p.run(p.folder, "docker run --rm --network none --read-only pilotsync:v1.2.3 version"); !strings.HasPrefix(out, "pilotsync v1.2.3 ") {
		p.t.Errorf("it is %s", out)
	}
	list := p.run(p.folder, "id=$(docker create pilotsync:v1.2.3); docker export $id | tar -t; docker rm $id >/dev/null")
	var files []string
	for name := range strings.Lines(list) {
		if name = strings.TrimSpace(name); !strings.HasSuffix(name, "/") && !regexp.MustCompile(`^(dev|etc/(hosts|hostname|resolv.conf|mtab)|\.dockerenv)`).MatchString(name) {
			files = append(files, name)
		}
	}
	if got := fmt.Sprint(files); got != "[etc/ssl/certs/ca-certificates.crt pilotsync]" {
		p.t.Errorf("in the image are %s", got)
	}
}
