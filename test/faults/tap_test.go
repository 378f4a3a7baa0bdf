//go:build faults

package faults

import (
	"bytes"
	"net"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"pilotsync/tasks"
	"pilotsync/test/harness"
)

// tap is a proxy between one worker and a server that can hold one exact request, or its answer.
type tap struct {
	t        *testing.T
	addr     string
	upstream string
	listener net.Listener
	running  sync.WaitGroup
	closing  chan struct{}

	mu    sync.Mutex
	trap  *trap
	seen  []sighting
	conns map[net.Conn]bool
}

// sighting is a list write that the tap forwarded.
type sighting struct{ at time.Time }

// trap is the request at which the tap holds the connection.
type trap struct {
	match func(request []byte) bool
	stage stage
	hit   chan struct{} // closed when the request has come
	free  chan struct{} // closed when what is held may be forwarded
	once  sync.Once
}

// stage is how far a held request has come.
type stage string

const (
	unsent   stage = "before it is sent"          // before the server gets it
	received stage = "when it is received"        // the server has it; its answer is held
	answered stage = "before its answer is heard" // the server has answered; the answer is held
)

func newTap(t *testing.T, upstream string) *tap {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &tap{t: t, addr: listener.Addr().String(), upstream: upstream, listener: listener,
		closing: make(chan struct{}), conns: map[net.Conn]bool{}}
	p.running.Go(p.accept)
	t.Cleanup(p.close)
	return p
}

// tapRedis returns a tap before the fixture's Redis, and the settings of a worker that uses it.
func (f *fixture) tapRedis() (*tap, string) {
	p := newTap(f.t, f.redis.Addr)
	return p, f.redisURL(p.addr)
}

// tapAPI returns a tap before the simulator's API, and the settings of a worker that uses it.
func (f *fixture) tapAPI() (*tap, string) {
	u, err := url.Parse(f.sim.APIURL())
	if err != nil {
		f.t.Fatal(err)
	}
	p := newTap(f.t, u.Host)
	u.Host = p.addr
	return p, "SERVERPILOT_API_URL=" + u.String()
}

// hold sets a trap; there is one at a time.
func (p *tap) hold(s stage, match func([]byte) bool) *trap {
	trap := &trap{match: match, stage: s, hit: make(chan struct{}), free: make(chan struct{})}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.trap = trap
	return trap
}

// await waits until the trap holds its request.
func (x *trap) await(t *testing.T) {
	t.Helper()
	select {
	case <-x.hit:
	case <-time.After(harness.Limit):
		t.Fatalf("nothing to hold came by within %s", harness.Limit)
	}
}

func (x *trap) release() { x.once.Do(func() { close(x.free) }) }

// listWrites are the times of the forwarded list writes.
func (p *tap) listWrites() []sighting {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]sighting(nil), p.seen...)
}

func (p *tap) close() {
	close(p.closing)
	_ = p.listener.Close()
	p.mu.Lock()
	for conn := range p.conns {
		_ = conn.Close()
	}
	p.mu.Unlock()
	p.running.Wait()
}

func (p *tap) accept() {
	for {
		down, err := p.listener.Accept()
		if err != nil {
			return // closed
		}
		up, err := net.Dial("tcp", p.upstream)
		if err != nil {
			_ = down.Close()
			continue
		}
		p.track(down, up)
		held := make(chan *trap, 1) // the answer to the request is to be held
		p.running.Go(func() { p.requests(down, up, held) })
		p.running.Go(func() { p.answers(down, up, held) })
	}
}

func (p *tap) track(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, conn := range conns {
		p.conns[conn] = true
	}
}

// requests forwards the worker's requests. Each is read whole: one system call writes it, and the
// buffer is larger than any request.
func (p *tap) requests(down, up net.Conn, held chan *trap) {
	defer up.Close()
	buffer := make([]byte, 1<<20)
	for {
		n, err := down.Read(buffer)
		if n > 0 {
			if x := p.caught(buffer[:n]); x != nil {
				if x.stage == unsent {
					close(x.hit)
					if !p.wait(x) {
						return
					}
				} else {
					held <- x
				}
			}
			if _, err := up.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// answers forwards the server's answers.
func (p *tap) answers(down, up net.Conn, held chan *trap) {
	defer down.Close()
	buffer := make([]byte, 1<<20)
	for {
		n, err := up.Read(buffer)
		select {
		case x := <-held:
			if x.stage == answered {
				close(x.hit)
			}
			if !p.wait(x) {
				return
			}
		default:
		}
		if n > 0 {
			if _, err := down.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (p *tap) wait(x *trap) bool {
	select {
	case <-x.free:
		return true
	case <-p.closing:
		return false
	}
}

// caught returns the trap if this is its request.
func (p *tap) caught(request []byte) *trap {
	p.mu.Lock()
	defer p.mu.Unlock()
	if listWrite(request) {
		p.seen = append(p.seen, sighting{time.Now()})
	}
	x := p.trap
	if x == nil || !x.match(request) {
		return nil
	}
	p.trap = nil
	if x.stage == received {
		close(x.hit)
	}
	return x
}

// listWrite and listRead recognize the calls for app1.
func listWrite(request []byte) bool { return bytes.HasPrefix(request, []byte("POST /v1/apps/app1 ")) }
func listRead(request []byte) bool  { return bytes.HasPrefix(request, []byte("GET /v1/apps/app1 ")) }

// script recognizes the first call of one of the ledger's scripts: Redis doesn't have it yet, so
// the call holds the script's text.
func script(t *testing.T, name string) func([]byte) bool {
	t.Helper()
	text, err := os.ReadFile("../../worker/ledger/" + name + ".lua")
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	return func(request []byte) bool { return bytes.Contains(request, []byte(first+"\n")) }
}

// notesWrite recognizes the record of a write that changes a list: only it has both the key and the
// names added or removed. The commit has the key and another one.
func notesWrite(request []byte) bool {
	has := func(text string) bool { return bytes.Contains(request, []byte(text)) }
	return has("evalsha\r\n") && has("}:writes\r\n") && !has("}:gone\r\n") && (has(`"added":[`) || has(`"removed":[`))
}

// putsSync recognizes the enqueueing of an app's sync, and putsVerification the first enqueueing of
// a verification: the call that holds the script's text.
func putsSync(request []byte) bool {
	return bytes.Contains(request, []byte("asynq:{lists}:t:")) && bytes.Contains(request, []byte(tasks.TypeAppSync))
}

func putsVerification(request []byte) bool {
	return bytes.Contains(request, []byte("\r\neval\r\n")) && bytes.Contains(request, []byte(tasks.TypeSSLVerify))
}
