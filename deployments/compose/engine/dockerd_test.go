package engine

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	// stepLimit is for what takes seconds on an idle machine.
	stepLimit = 5 * time.Minute
	gateway   = "172.31.255.1" // of the network that images are built on
)

// engine is a dockerd with folders and a socket of its own.
type engine struct {
	t       *testing.T
	scratch string
	data    string
	daemon  *exec.Cmd
	ended   chan error
}

func newEngine(t *testing.T) *engine {
	e := &engine{t: t, scratch: os.Getenv(scratchVariable), data: os.Getenv("ENGINE_DATA")}
	if e.data == "" {
		e.data = filepath.Join(e.scratch, "data")
	}
	e.start()
	t.Cleanup(e.stop)
	// The remains of an earlier test that was killed.
	e.run(".", "docker ps -aq | xargs -r docker rm -f; docker volume prune -f; docker network prune -f; docker images -q pilotsync | xargs -r docker rmi -f")
	return e
}

func (e *engine) start() {
	e.t.Helper()
	log, err := os.OpenFile(filepath.Join(e.scratch, "dockerd.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		e.t.Fatal(err)
	}
	defer log.Close()
	name := filepath.Base(e.scratch)
	e.daemon = exec.Command("dockerd", "--data-root", e.data, "--exec-root", filepath.Join(e.scratch, "exec"),
		"--host", "unix://"+filepath.Join(e.scratch, "docker.sock"), "--pidfile", filepath.Join(e.scratch, "dockerd.pid"),
		// There is no name server: names other than containers' fail at once.
		"--bip", gateway+"/24", "--dns", gateway, "--cgroup-parent", "/"+name)
	e.daemon.Stdout, e.daemon.Stderr = log, log
	if err := e.daemon.Start(); err != nil {
		e.t.Fatal(err)
	}
	e.ended = make(chan error, 1)
	go func(cmd *exec.Cmd, ended chan<- error) { ended <- cmd.Wait() }(e.daemon, e.ended)
	await(e.t, "the engine answers", func() bool {
		select {
		case err := <-e.ended:
			text, _ := os.ReadFile(log.Name())
			e.t.Fatalf("dockerd has ended: %v\n%s", err, text)
		default:
		}
		_, err := e.try(".", "docker version")
		return err == nil
	})
}

// stop ends the engine and its containers.
func (e *engine) stop() {
	e.t.Helper()
	if err := e.daemon.Process.Signal(syscall.SIGTERM); err != nil {
		e.t.Error(err)
		return
	}
	select {
	case err := <-e.ended:
		if err != nil {
			e.t.Errorf("dockerd ended with: %v", err)
		}
	case <-time.After(stepLimit):
		e.t.Errorf("dockerd hasn't ended within %s", stepLimit)
	}
}

// crash kills the engine; its containers continue.
func (e *engine) crash() {
	e.t.Helper()
	if err := e.daemon.Process.Kill(); err != nil {
		e.t.Fatal(err)
	}
	<-e.ended
}

// try runs a script in a folder as a user of the engine does, and returns its output.
func (e *engine) try(folder, script string, env ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-ec", script)
	// Debian's own client comes first, since it contains BuildKit's.
	cmd.Env = append([]string{"PATH=/usr/bin:/usr/sbin:/bin:/sbin:/usr/local/bin", "HOME=" + e.scratch, "DOCKER_CONFIG=" + filepath.Join(e.scratch, "docker"),
		"DOCKER_HOST=unix://" + filepath.Join(e.scratch, "docker.sock")}, env...)
	var out bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = folder, &out, &out
	err := cmd.Run()
	return strings.TrimSpace(out.String()), err
}

func (e *engine) run(folder, script string, env ...string) string {
	e.t.Helper()
	started := time.Now()
	out, err := e.try(folder, script, env...)
	if took := time.Since(started); took > 5*time.Second {
		e.t.Logf("%.1f s: %s", took.Seconds(), script)
	}
	if err != nil {
		e.t.Fatalf("%s: %v\n%s", script, err, out)
	}
	return out
}

func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(stepLimit); !ok(); <-time.After(200 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %s", what, stepLimit)
		}
	}
}
