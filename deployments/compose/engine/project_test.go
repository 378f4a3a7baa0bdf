package engine

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// project is a copy of the repository, like a clone, in which Compose's commands run.
type project struct {
	*engine
	folder  string
	options string // of docker compose, as README.md gives them
	readme  string
}

func newProject(e *engine, name, options string) *project {
	e.t.Helper()
	p := &project{engine: e, folder: filepath.Join(e.scratch, name), options: options}
	e.run(root, `tar --exclude=./.git --exclude=./bin --exclude=./dist --exclude=./.env --exclude=./docker-compose.override.yml -c . | tar -x -C "$TO"`, "TO="+p.mkdir("."))
	p.readme = p.read("deployments/compose/README.md")
	return p
}

func (p *project) mkdir(name string) string {
	p.t.Helper()
	folder := filepath.Join(p.folder, name)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		p.t.Fatal(err)
	}
	return folder
}

func (p *project) read(name string) string {
	p.t.Helper()
	text, err := os.ReadFile(filepath.Join(p.folder, name))
	if err != nil {
		p.t.Fatal(err)
	}
	return string(text)
}

// put replaces a file as editors do, by a new file.
func (p *project) put(name, text string) {
	p.t.Helper()
	p.mkdir(filepath.Dir(name))
	name = filepath.Join(p.folder, name)
	if err := os.WriteFile(name+".new", []byte(text), 0o644); err != nil {
		p.t.Fatal(err)
	}
	if err := os.Rename(name+".new", name); err != nil {
		p.t.Fatal(err)
	}
}

// section is the part of README.md below a heading.
func (p *project) section(heading string) string {
	p.t.Helper()
	_, rest, found := strings.Cut(p.readme, "\n## "+heading+"\n")
	if !found {
		p.t.Fatalf("README.md has no section %q", heading)
	}
	text, _, _ := strings.Cut(rest, "\n## ")
	return text
}

// documented is the one command of a section that contains a text, with its placeholders replaced.
func (p *project) documented(heading, with string, replace ...string) string {
	p.t.Helper()
	var found []string
	for line := range strings.Lines(p.section(heading)) {
		if command, is := strings.CutPrefix(line, "    "); is && strings.Contains(command, with) {
			found = append(found, strings.TrimSpace(regexp.MustCompile(`\s{2,}#.*`).ReplaceAllString(command, "")))
		}
	}
	if slices.Contains(found, with) {
		found = []string{with}
	}
	if len(found) != 1 {
		p.t.Fatalf("README.md has the commands %q with %q under %q; want one", found, with, heading)
	}
	command := strings.NewReplacer(replace...).Replace(found[0])
	if strings.Contains(command, "…") {
		p.t.Fatalf("%s: something is left to be replaced", command)
	}
	return command
}

// override is the YAML in a section.
func (p *project) override(heading string) string {
	p.t.Helper()
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(p.section(heading), -1)
	if len(blocks) != 1 {
		p.t.Fatalf("README.md has %d blocks of YAML under %q", len(blocks), heading)
	}
	return blocks[0][1]
}

// asDocumented runs a command of README.md.
func (p *project) asDocumented(heading, with string, replace ...string) string {
	p.t.Helper()
	return p.run(p.folder, p.documented(heading, with, replace...))
}

func (p *project) compose(args string) string {
	p.t.Helper()
	return p.run(p.folder, "docker compose "+p.options+args)
}

// container is Compose's description of one.
type container struct {
	ID, Service, State, Health string
	ExitCode                   int
}

func (p *project) containers(service string) (all []container) {
	p.t.Helper()
	out := p.run(p.folder, "docker compose "+p.options+"ps --all --format json 2>/dev/null")
	for line := range strings.Lines(out) {
		var c container
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			p.t.Fatalf("%v: %s", err, out)
		}
		if c.Service == service || service == "" {
			all = append(all, c)
		}
	}
	return all
}

// awaitUp waits until every container is healthy or has finished.
func (p *project) awaitUp() {
	p.t.Helper()
	var waiting []container
	ended := false
	defer func() {
		if !ended {
			p.t.Logf("still waiting for %+v", waiting)
		}
	}()
	await(p.t, "everything is up", func() bool {
		all := p.containers("")
		waiting = slices.DeleteFunc(slices.Clone(all), func(c container) bool {
			if c.Service == "passwords" {
				return c.State == "exited" && c.ExitCode == 0
			}
			return c.State == "running" && (c.Health == "healthy" || c.Service == "try-machine")
		})
		return len(all) > 0 && len(waiting) == 0
	})
	ended = true
}

// crash kills the first process of a service's container. (A container ended by `docker kill`
// counts as stopped by hand.)
func (p *project) crash(service string) {
	p.t.Helper()
	c := p.containers(service)[0]
	pid, err := strconv.Atoi(p.run(p.folder, "docker inspect --format '{{.State.Pid}}' "+c.ID))
	if err != nil || pid < 2 {
		p.t.Fatalf("%s has the process %d: %v", service, pid, err)
	}
	restarts := func() string { return p.run(p.folder, "docker inspect --format '{{.RestartCount}}' "+c.ID) }
	before := restarts()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		p.t.Fatal(err)
	}
	await(p.t, service+" is started again", func() bool { return restarts() != before })
	p.awaitUp()
}

// states are the states of an app's domains, as a worker's container reports them.
func (p *project) states(worker, app string) map[string]string {
	p.t.Helper()
	var all []struct{ Domain, State string }
	out := p.run(p.folder, "docker compose "+p.options+"exec "+worker+" /pilotsync status --app "+app+" --json 2>/dev/null")
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		p.t.Fatalf("%v: %s", err, out)
	}
	states := map[string]string{}
	for _, d := range all {
		states[d.Domain] = d.State
	}
	return states
}

func (p *project) awaitState(worker, app, domain, state string) {
	p.t.Helper()
	await(p.t, domain+" is "+state, func() bool { return p.states(worker, app)[domain] == state })
}

// passwords are those that `passwords show` prints.
type passwords struct{ page, php, admin string }

func (p *project) passwords() passwords {
	p.t.Helper()
	out := p.compose("run --rm passwords passwords show")
	found := regexp.MustCompile(`(?s)dashboard: +user admin, password (\S+)\n.*PHP: +(redis://php:\S+)\nRedis: +redis://admin:(\S+)@`).FindStringSubmatch(out)
	if found == nil {
		p.t.Fatalf("passwords show:\n%s", out)
	}
	return passwords{page: found[1], php: found[2], admin: found[3]}
}

// php maps domains as WordPress does: with the PHP library, at the published port.
func (p *project) php(url, app string, domains ...string) {
	p.t.Helper()
	p.put("map.php", `<?php
require 'enqueue/php/autoload.php';
$c = new Pilotsync\Client(getenv('URL'), getenv('APP'));
$c->addMany(explode(' ', getenv('DOMAINS')));
`)
	p.run(p.folder, "php map.php", "URL="+url, "APP="+app, "DOMAINS="+strings.Join(domains, " "))
}

// load maps one domain after the other, at most 40, until the returned function is called. That
// returns the acknowledged ones. A failed attempt is repeated.
func (p *project) load(url, app, prefix string) (stop func() []string) {
	p.t.Helper()
	p.put("load.php", `<?php
require 'enqueue/php/autoload.php';
$c = new Pilotsync\Client(getenv('URL'), getenv('APP'));
for ($i = 0; !file_exists('load.stop'); usleep(100000)) {
    try {
        if ($i < 40) {
            $c->add($domain = getenv('PREFIX')."-$i.example.com");
            echo "$domain\n";
            $i++;
        }
    } catch (Pilotsync\Exception\NotEnqueued $e) {
    }
}
`)
	out := make(chan string, 1)
	go func() {
		text, err := p.try(p.folder, "php load.php", "URL="+url, "APP="+app, "PREFIX="+prefix)
		if err != nil {
			p.t.Errorf("php load.php: %v\n%s", err, text)
		}
		out <- text
	}()
	return func() []string {
		p.t.Helper()
		p.put("load.stop", "")
		acknowledged := strings.Fields(<-out)
		p.run(p.folder, "rm load.stop")
		if len(acknowledged) == 0 {
			p.t.Error("no change was acknowledged meanwhile")
		}
		p.t.Logf("%d were acknowledged meanwhile", len(acknowledged))
		return acknowledged
	}
}

// login is the status of a page for a user; an empty name sends no login.
func login(t *testing.T, url, user, password string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if user != "" {
		request.SetBasicAuth(user, password)
	}
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	return response.StatusCode
}

// targets are the addresses that Prometheus scrapes now.
func targets(t *testing.T) (up, all int) {
	t.Helper()
	response, err := http.Get("http://127.0.0.1:9090/api/v1/targets")
	if err != nil {
		return 0, 0
	}
	defer response.Body.Close()
	var answer struct {
		Data struct {
			ActiveTargets []struct{ Health string }
		}
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	for _, target := range answer.Data.ActiveTargets {
		all++
		if target.Health == "up" {
			up++
		}
	}
	return up, all
}

func hosts(app string, n int) (domains []string) {
	for i := range n {
		domains = append(domains, fmt.Sprintf("%s-%d.example.com", app, i))
	}
	return domains
}

// requireRemoved fails the test if `down --volumes` left something.
func (p *project) requireRemoved(name string) {
	p.t.Helper()
	for _, list := range []string{"docker ps --all --quiet", "docker volume ls --quiet", "docker network ls --quiet"} {
		if out := p.run(p.folder, list+" --filter label=com.docker.compose.project="+name); out != "" {
			p.t.Errorf("after down --volumes, %s tells:\n%s", list, out)
		}
	}
}
