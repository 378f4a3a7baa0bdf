// Package redistest runs real redis-server processes for tests in which Redis's own behavior
// matters: its Lua, its clock, its outages and what survives them. Each server has a port and a
// folder of its own and ends with its test. Where Redis isn't installed, the test is skipped.
package redistest

import (
	"bufio"
	"cmp"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"pilotsync/test/freeport"
	"pilotsync/test/tether"
)

// answerLimit is how long a server may take to answer or to end. Both take milliseconds on an idle
// machine.
const answerLimit = time.Minute

// Server is a redis-server process. Its methods are for the test's own goroutine, and fail the test
// on an error.
type Server struct {
	URL  string // redis://127.0.0.1:PORT/0
	Addr string // 127.0.0.1:PORT

	t      reporter
	binary string
	folder string
	secure Security
	kind   kind
	args   []string
	// configured reports whether a server with the shipped files has its configuration file, with
	// its address.
	configured bool
	bus        string        // port of a Cluster's node for the other nodes
	cmd        *exec.Cmd     // nil while stopped
	ended      chan struct{} // closed once cmd has ended
}

// kind is the role of a redis-server.
type kind int

const (
	single   kind = iota
	node          // of a Cluster: it has a second port
	sentinel      // its args are lines of a configuration file, which it writes to
)

// reporter is the part of testing.TB that a server needs.
type reporter interface {
	Helper()
	Errorf(format string, args ...any)
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// Start runs a server that keeps nothing and returns its redis:// URL.
func Start(t testing.TB) string {
	t.Helper()
	return New(t).URL
}

// New runs a server and returns once it answers. It keeps nothing over a
// restart unless args say otherwise, as in New(t, "--appendonly", "yes"); args
// are those of redis-server and win over the defaults.
func New(t testing.TB, args ...string) *Server {
	t.Helper()
	return NewSecure(t, Security{}, args...)
}

// NewSecure is New for a server with TLS, and without a port for plain text. Its URL lacks the
// client's certificate and the trusted authority.
func NewSecure(t testing.TB, secure Security, args ...string) *Server {
	t.Helper()
	return newServer(t, single, secure, args...)
}

func newServer(t testing.TB, kind kind, secure Security, args ...string) *Server {
	t.Helper()
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("needs redis-server on PATH, to test against a real Redis: ", err)
	}
	s := &Server{t: t, binary: binary, folder: t.TempDir(), kind: kind, args: args, secure: secure}
	t.Cleanup(s.Kill)
	if err := s.startOnFreePort(); err != nil {
		t.Fatalf("redis-server doesn't start: %v\n%s", err, s.log())
	}
	if secure.conf != "" && kind != sentinel {
		s.loadFunctions(t)
	}
	return s
}

// startOnFreePort runs the server on free ports.
func (s *Server) startOnFreePort() (err error) {
	for range 5 {
		// Another process can take a port before Redis does: so there are several attempts, and a
		// check that this server answers.
		if s.Addr, err = freeport.Addr(); err != nil {
			return err
		}
		if s.kind == node { // the default, 10,000 above the other, may not exist
			bus, err := freeport.Addr()
			if err != nil {
				return err
			}
			_, s.bus, _ = net.SplitHostPort(bus)
		}
		s.URL = s.secure.scheme("redis") + "://" + s.Addr + "/0"
		if err = s.run(); err == nil {
			s.configured = true
			return nil
		}
		s.Kill()
	}
	return err
}

// Stop shuts the server down (SIGTERM, which acts like SHUTDOWN) and waits for it.
func (s *Server) Stop() { s.end(syscall.SIGTERM) }

// Kill ends the server as a crash would (SIGKILL) and waits for it. It does
// nothing if the server isn't running.
func (s *Server) Kill() { s.end(syscall.SIGKILL) }

// Start runs a stopped server again, on the same port and in the same folder, and returns once it
// answers and has loaded its data.
func (s *Server) Start() {
	s.t.Helper()
	if s.cmd != nil {
		s.t.Fatal("redis-server is running already")
	}
	if err := s.run(); err != nil {
		s.t.Fatalf("redis-server doesn't start again: %v\n%s", err, s.log())
	}
}

func (s *Server) run() error {
	args, err := s.arguments()
	if err != nil {
		return err
	}
	cmd, ended := tether.Command(exec.Command(s.binary, args...)), make(chan struct{})
	if err := cmd.Start(); err != nil {
		return err
	}
	s.cmd, s.ended = cmd, ended
	go func() { // waited for by end
		defer close(ended)
		_ = cmd.Wait() // its log has the reason
	}()

	late := time.After(answerLimit)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := s.ping()
		if err == nil {
			return nil
		}
		select {
		case <-ended:
			return fmt.Errorf("it ended: %v", cmd.ProcessState)
		case <-late:
			return fmt.Errorf("no answer within %v: %w", answerLimit, err)
		case <-tick.C:
		}
	}
}

// arguments are those of the process. The caller's come last, and win.
func (s *Server) arguments() ([]string, error) {
	_, port, err := net.SplitHostPort(s.Addr)
	if err != nil {
		return nil, err
	}
	args := append([]string{"--bind", "127.0.0.1", "--dir", s.folder, "--logfile", s.logfile()}, s.secure.args(port)...)
	args = append(args, s.secure.users.settings(s.kind)...)
	switch s.kind {
	case node:
		args = append(args, "--cluster-enabled", "yes", "--cluster-port", s.bus)
	case sentinel:
		return s.sentinelFile(args)
	}
	if s.secure.conf != "" {
		file, err := s.configFile(append(args, s.args...))
		return []string{file}, err
	}
	return append(append(args, "--save", "", "--appendonly", "no"), s.args...), nil
}

// ping checks that the server is ready, and that it is this one. It uses a plain connection: a
// go-redis client whose dial failed leaves a goroutine for a second, which the callers' leak checks
// would find.
func (s *Server) ping() error {
	conn, err := s.secure.dial(s.Addr)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return err
	}
	if err := s.secure.users.logIn(conn); err != nil {
		return err
	}
	if _, err := io.WriteString(conn, "PING\r\nINFO server\r\n"); err != nil {
		return err
	}
	lines := bufio.NewScanner(conn)
	if lines.Scan(); lines.Text() != "+PONG" { // -LOADING while it loads its data
		return cmp.Or(lines.Err(), fmt.Errorf("answer to PING: %q", lines.Text()))
	}
	for lines.Scan() {
		if pid, ok := strings.CutPrefix(lines.Text(), "process_id:"); ok {
			if pid != strconv.Itoa(s.cmd.Process.Pid) {
				return fmt.Errorf("another Redis answers on %s", s.Addr)
			}
			return nil
		}
	}
	return fmt.Errorf("no process id in the answer to INFO (%v)", lines.Err())
}

func (s Security) scheme(plain string) string {
	if s.client == nil {
		return plain
	}
	scheme, kind, _ := strings.Cut(plain, "-")
	return strings.TrimSuffix(scheme+"s-"+kind, "-")
}

// args are those of a server on a port.
func (s Security) args(port string) []string {
	if s.client == nil {
		return []string{"--port", port}
	}
	args := []string{"--port", "0", "--tls-port", port}
	for _, setting := range s.settings {
		args = append(args, "--"+setting[0], setting[1])
	}
	return args
}

func (s Security) dial(addr string) (net.Conn, error) {
	dialer := &net.Dialer{Timeout: time.Second}
	if s.client == nil {
		return dialer.Dial("tcp", addr)
	}
	return tls.DialWithDialer(dialer, "tcp", addr, s.client)
}

func (s *Server) end(sig syscall.Signal) {
	s.t.Helper()
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Signal(sig) // fails only if it has ended
	select {
	case <-s.ended:
	case <-time.After(answerLimit):
		s.t.Errorf("redis-server doesn't end on %v within %v; killing it\n%s", sig, answerLimit, s.log())
		_ = s.cmd.Process.Kill()
		<-s.ended
	}
	s.cmd = nil
}

// Folder is where the server keeps its data, unless its args name another.
func (s *Server) Folder() string { return s.folder }

func (s *Server) logfile() string { return filepath.Join(s.folder, "redis.log") }

func (s *Server) log() string {
	b, err := os.ReadFile(s.logfile())
	if err != nil {
		return err.Error()
	}
	const tail = 4096
	return string(b[max(0, len(b)-tail):])
}
