package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"

	"pilotsync/enqueue"
	"pilotsync/internal/simulator"
	"pilotsync/test/harness"
	"pilotsync/test/redistest"
	"pilotsync/test/tether"
	"pilotsync/worker/ledger"
)

// fixture is a real Redis, a simulator in this process, the clients of a measure, and workers as
// processes.
type fixture struct {
	sim        *simulator.Simulator
	redis      *redistest.Server
	rdb        *redis.Client
	ledger     *ledger.Ledger
	client     *enqueue.Client
	env        []string // of each process of the program
	binary     string
	workers    []*process
	redisProxy *proxy // between the processes and Redis; nil unless the measure asked for it
}

// newFixture starts a Redis that keeps nothing, with redisArgs, and a simulator. The
// caller must close it.
func (b *bench) newFixture(opt simulator.Options, redisArgs ...string) (_ *fixture, err error) {
	folder, err := os.MkdirTemp(b.folder, "fixture-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for Redis: %w", err)
	}
	f := &fixture{binary: b.binary}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.close())
		}
	}()
	if f.redis, err = redistest.Run(folder, redisArgs...); err != nil {
		return nil, err
	}
	f.rdb = redis.NewClient(&redis.Options{Addr: f.redis.Addr, ContextTimeoutEnabled: true})
	f.ledger, f.client = ledger.New(f.rdb), enqueue.New(f.rdb)
	if len(opt.Apps) == 0 {
		opt.Apps = []simulator.App{{ID: "app1"}}
	}
	if f.sim, err = simulator.Start(opt); err != nil {
		return nil, fmt.Errorf("start the simulator: %w", err)
	}
	var ids []string
	for _, app := range opt.Apps {
		ids = append(ids, app.ID)
	}
	if f.env, err = harness.Settings(folder, f.sim, f.redis.URL, ids...); err != nil {
		return nil, err
	}
	f.env = append(f.env, "PILOTSYNC_LOG_FORMAT=text",
		// No www forms, so that a domain is one name. A measure's own settings come last, and win.
		"PILOTSYNC_WWW=never",
		// A worker would reconcile each app within its first 15 s, and then every hour: calls that
		// don't belong to the work.
		"PILOTSYNC_RECONCILE=off")
	return f, nil
}

// useProxy has the processes that start from now on reach Redis through a proxy. It counts what
// they send, and a round trip to it takes the latency.
func (f *fixture) useProxy(latency time.Duration) (err error) {
	f.redisProxy, err = newProxy(proxyOptions{target: f.redis.Addr, latency: latency, redis: true})
	if err == nil {
		f.env = append(f.env, "REDIS_URL=redis://"+f.redisProxy.addr+"/0")
	}
	return err
}

// close ends all that the fixture runs.
func (f *fixture) close() error {
	err := f.stop()
	if f.redisProxy != nil {
		f.redisProxy.close()
	}
	if f.rdb != nil {
		err = errors.Join(err, f.rdb.Close())
	}
	if f.sim != nil {
		f.sim.Close()
	}
	if f.redis != nil {
		f.redis.Kill()
	}
	return err
}

// process is a worker process.
type process struct {
	cmd   *exec.Cmd
	ready chan struct{} // closed once it takes tasks
	ended chan struct{} // closed once it has ended
	last  string        // its last line, valid once it has ended

	mu       sync.Mutex
	expected map[string]chan time.Time // by a text that a line has
}

// expect returns a channel that gets the time of the next line with a text.
func (p *process) expect(text string) <-chan time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := make(chan time.Time, 1)
	p.expected[text] = at
	return at
}

// notify tells of a line to those that expect it.
func (p *process) notify(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for text, at := range p.expected {
		if strings.Contains(line, text) {
			at <- time.Now()
			delete(p.expected, text)
		}
	}
}

// start starts n workers, with the fixture's environment and env, and returns once
// all of them take tasks.
func (f *fixture) start(ctx context.Context, n int, env ...string) error {
	var started []*process
	for range n {
		p, err := f.launch("worker", env...)
		if err != nil {
			return err
		}
		started = append(started, p)
	}
	late := time.After(time.Minute)
	for _, p := range started {
		select {
		case <-p.ready:
		case <-p.ended:
			return fmt.Errorf("a worker ended at its start: %s", p.last)
		case <-late:
			return errors.New("a worker isn't ready within a minute")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// launch starts a worker, or another command that runs until SIGTERM, without waiting until it is
// ready; stop ends it.
func (f *fixture) launch(command string, env ...string) (*process, error) {
	p := &process{cmd: tether.Command(exec.Command(f.binary, command)), ready: make(chan struct{}), ended: make(chan struct{}), expected: map[string]chan time.Time{}}
	p.cmd.Env = append(append(os.Environ(), f.env...), env...)
	out, err := p.cmd.StderrPipe()
	if err != nil {
		return nil, fmt.Errorf("start pilotsync %s: %w", command, err)
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start pilotsync %s: %w", command, err)
	}
	f.workers = append(f.workers, p)
	go func() {
		defer close(p.ended)
		p.follow(out)
		_ = p.cmd.Wait() // its last line has the reason
	}()
	return p, nil
}

// follow reads a worker's log to its end.
func (p *process) follow(out io.Reader) {
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20) // the line that names all apps is long
	isReady := false
	for lines.Scan() {
		p.last = lines.Text()
		p.notify(p.last)
		if !isReady && strings.Contains(p.last, " is ready") {
			isReady = true
			close(p.ready)
		}
	}
}

// run runs a command to its end, and returns its output, even if it exits with an error.
func (f *fixture) run(ctx context.Context, env []string, args ...string) ([]byte, error) {
	cmd := tether.Command(exec.CommandContext(ctx, f.binary, args...))
	cmd.Env = append(append(os.Environ(), f.env...), env...)
	return cmd.CombinedOutput()
}

// stop ends all workers with SIGTERM and waits for them.
func (f *fixture) stop() error {
	for _, p := range f.workers {
		_ = p.cmd.Process.Signal(syscall.SIGTERM) // fails only if it has ended
	}
	var err error
	for _, p := range f.workers {
		select {
		case <-p.ended:
		case <-time.After(time.Minute):
			err = errors.New("a worker didn't end within a minute of SIGTERM, and was killed")
			_ = p.cmd.Process.Kill()
			<-p.ended
		}
	}
	f.workers = nil
	return err
}

// until polls ok every few milliseconds until it returns true, at most for limit.
func until(ctx context.Context, condition string, limit time.Duration, ok func() (bool, error)) error {
	late := time.NewTimer(limit)
	defer late.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		done, err := ok()
		if err != nil || done {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-late.C:
			return fmt.Errorf("%s: not within %s", condition, limit)
		case <-tick.C:
		}
	}
}

// sleep waits for d, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// closing is for a defer: it runs end and joins its error to the returned one.
func closing(end func() error, err *error) { *err = errors.Join(*err, end()) }
