package test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
)

// patience is for what takes a second or two where the machine isn't busy.
const patience = 2 * time.Minute

// world is a project whose containers are plain processes. Each service has a
// folder in place of its root, with the project's files copied and its volumes linked
// there; an address of its own in 127.0.0.0/8 in place of its name; its variables and no
// others; and, where the test is root, its user.
type world struct {
	t       *testing.T
	project *types.Project
	folder  string
	image   string            // the program's
	network string            // the first three numbers of all addresses
	hosts   map[string]string // addresses by name
	tlsPort string            // in place of the simulated web servers' 9443
	extra   []string          // variables that lead workers elsewhere than to the world
}

// owners are the folders of the other images that aren't root's there.
var owners = map[string]string{"/data": "999:1000", "/prometheus": "65534:65534", "/var/lib/grafana": "472:0"}

// newWorld makes the volumes, as an engine does: a new one is a copy of the folder
// that the image has at its place, with its owner.
func newWorld(t *testing.T, image string, project *types.Project) *world {
	t.Helper()
	// A test's own folder is closed to other users.
	folder, err := os.MkdirTemp("", "compose")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	if err := os.Chmod(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, project: project, folder: folder, image: image, network: freeNetwork(t), tlsPort: freePort(t), hosts: map[string]string{}}
	for i, name := range slices.Sorted(maps.Keys(project.Services)) {
		w.hosts[name] = fmt.Sprint(w.network, i+1)
	}
	for name, s := range project.Services {
		if other, beside := strings.CutPrefix(s.NetworkMode, types.ServicePrefix); beside {
			w.hosts[name] = w.hosts[other]
		}
		for _, v := range s.Volumes {
			if v.Type != types.VolumeTypeVolume {
				continue
			}
			owner := "0:0"
			if s.Build == nil {
				if own, known := owners[v.Target]; known {
					owner = own
				}
			} else if info, err := os.Stat(filepath.Join(image, v.Target)); err == nil {
				stat := info.Sys().(*syscall.Stat_t)
				owner = fmt.Sprintf("%d:%d", stat.Uid, stat.Gid)
			}
			at := w.volume(v.Source)
			if err := os.MkdirAll(at, 0o755); err != nil {
				t.Fatal(err)
			}
			if owner != "0:0" { // what isn't in the image doesn't count
				if err := give(at, owner); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	return w
}

func (w *world) volume(name string) string { return filepath.Join(w.folder, "volumes", name) }

// container is one of a service's.
type container struct {
	w       *world
	s       types.ServiceConfig
	root    string
	address string
	cmd     *exec.Cmd
	log     *log
	ended   chan error
}

// log keeps what a process says, and shows it with the test.
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

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// container makes the folder of a service's container. Those after the first of a
// service have another address.
func (w *world) container(service string, number int) *container {
	w.t.Helper()
	s, there := w.project.Services[service]
	if !there {
		w.t.Fatalf("there is no service %s", service)
	}
	c := &container{w: w, s: s, root: filepath.Join(w.folder, fmt.Sprint(service, "-", number)), address: w.hosts[service]}
	if number > 1 {
		c.address = fmt.Sprint(w.network, 100+number)
	}
	for _, v := range s.Volumes {
		at := filepath.Join(c.root, v.Target)
		err := os.MkdirAll(filepath.Dir(at), 0o755)
		if err == nil && v.Type == types.VolumeTypeVolume {
			err = os.Symlink(w.volume(v.Source), at)
		} else if err == nil {
			var text []byte
			if text, err = os.ReadFile(v.Source); err == nil {
				err = os.WriteFile(at, []byte(c.places(string(text))), 0o644)
			}
		}
		if err != nil {
			w.t.Fatal(err)
		}
	}
	for _, at := range s.Tmpfs {
		at = filepath.Join(c.root, at)
		if err := errors.Join(os.MkdirAll(at, 0o755), os.Chmod(at, 0o777|os.ModeSticky)); err != nil {
			w.t.Fatal(err)
		}
	}
	return c
}

// places has the paths that the container's images and files have as they are on this machine.
func (c *container) places(text string) string {
	places := []string{"/var/lib/pilotsync", "/var/lib/redis", "/etc/redis", "/etc/prometheus", "/run/secrets", "/data", "/prometheus"}
	return regexp.MustCompile(`(^|[=\s"])(`+strings.Join(places, "|")+`)(/|$|[\s")])`).ReplaceAllString(text, "${1}"+c.root+"${2}${3}")
}

// here has paths and addresses as they are on this machine.
func (c *container) here(text string) string {
	text = c.places(text)
	text = regexp.MustCompile(`^(--?[a-z.-]+=)?:(\d+)$`).ReplaceAllString(text, "${1}"+c.address+":${2}")
	// The simulator's domains all point to 127.0.0.1, which all worlds share.
	if text == "9443" {
		return c.w.tlsPort
	}
	const shared = "the machine's own address"
	text = strings.ReplaceAll(text, "127.0.0.1:9443", shared+":"+c.w.tlsPort)
	text = strings.ReplaceAll(text, "127.0.0.1", c.address)
	text = strings.ReplaceAll(text, shared, "127.0.0.1")
	for name, address := range c.w.hosts {
		text = regexp.MustCompile(`(^|[=/@])`+name+`:(\d+)`).ReplaceAllString(text, "${1}"+address+":${2}")
	}
	return text
}

// command is one that is run in the container, with its variables and as its user.
func (c *container) command(ctx context.Context, args ...string) *exec.Cmd {
	var all []string
	for _, arg := range args {
		switch arg {
		case "/pilotsync":
			all = append(all, filepath.Join(c.w.image, "pilotsync"))
		case "*": // all addresses: its own
			all = append(all, c.address)
		case "-::*": // those of IPv6, if there are any: one that may be missing, too
			all = append(all, "-"+c.w.network+"200")
		default:
			all = append(all, c.here(arg))
		}
	}
	cmd := exec.CommandContext(ctx, all[0], all[1:]...)
	cmd.Dir, cmd.Env = c.root, []string{"PATH=" + os.Getenv("PATH")}
	for name, value := range c.s.Environment {
		if value != nil {
			cmd.Env = append(cmd.Env, name+"="+c.here(*value))
		}
	}
	if c.s.Name == "worker" {
		cmd.Env = append(cmd.Env, c.w.extra...)
	}
	if os.Getuid() == 0 {
		uid, gid := ids(c.s.User)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: gid}}
	}
	return cmd
}

// main is the container's command, behind the entry point of its image.
func (c *container) main() []string {
	if c.s.Build != nil {
		return append([]string{"/pilotsync"}, c.s.Command...)
	}
	if c.s.Name == "prometheus" {
		return append([]string{"prometheus"}, c.s.Command...)
	}
	return c.s.Command
}

// start runs the container's command until the test ends, at the latest.
func (c *container) start() {
	c.w.t.Helper()
	c.log, c.ended = &log{out: c.w.t.Output()}, make(chan error, 1)
	c.cmd = c.command(context.Background(), c.main()...)
	c.cmd.Stdout, c.cmd.Stderr = c.log, c.log
	if err := c.cmd.Start(); err != nil {
		c.w.t.Fatalf("%s: %v", c.s.Name, err)
	}
	cmd, ended := c.cmd, c.ended // those of this start
	go func() { ended <- cmd.Wait(); close(ended) }()
	c.w.t.Cleanup(func() { _ = cmd.Process.Kill(); <-ended })
}

// stop sends SIGTERM and waits for a good end, within the grace period.
func (c *container) stop() {
	c.w.t.Helper()
	grace := time.Duration(*c.s.StopGracePeriod)
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		c.w.t.Fatal(err)
	}
	select {
	case err := <-c.ended:
		if err != nil {
			c.w.t.Errorf("%s ended with: %v", c.s.Name, err)
		}
	case <-time.After(grace):
		c.w.t.Errorf("%s hasn't ended within its grace period of %s", c.s.Name, grace)
	}
}

// run runs a command in the container to its end.
func (c *container) run(args ...string) (string, error) {
	c.w.t.Helper()
	ctx, cancel := context.WithTimeout(c.w.t.Context(), patience)
	defer cancel()
	out, err := c.command(ctx, args...).CombinedOutput()
	return string(out), err
}

// must is run for what has to go well.
func (c *container) must(args ...string) string {
	c.w.t.Helper()
	out, err := c.run(args...)
	if err != nil {
		c.w.t.Fatalf("%s: %s: %v\n%s", c.s.Name, strings.Join(args, " "), err, out)
	}
	return out
}

// awaitHealthy asks as the engine does: with the service's health check, or its image's.
func (c *container) awaitHealthy() {
	c.w.t.Helper()
	test := health(c.w.t)
	if own := c.s.HealthCheck; own != nil {
		switch own.Test[0] {
		case "CMD":
			test = own.Test[1:]
		case "CMD-SHELL":
			test = append([]string{"sh", "-c"}, own.Test[1:]...)
		}
		// The client knows its own machine, and here Redis is on another address.
		if c.s.Name == "redis" {
			test[2] = strings.Replace(test[2], "redis-cli", "redis-cli -h "+c.address, 1)
		}
	}
	var out string
	await(c.w.t, c.s.Name+" is healthy", func() bool {
		select {
		case err := <-c.ended:
			c.w.t.Fatalf("%s has ended: %v", c.s.Name, err)
		default:
		}
		var err error
		out, err = c.run(test...)
		return err == nil
	})
	c.w.t.Logf("%s is healthy: %s", c.s.Name, strings.TrimSpace(out))
}

func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); <-time.After(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %s", what, patience)
		}
	}
}
