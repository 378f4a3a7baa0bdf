// Package simulator replaces everything that pilotsync talks to, except Redis: ServerPilot's
// API, DNS, and the web servers' TLS. Each is a real listener on loopback, so programs under
// test use their real clients.
//
// It has every call of ServerPilot's API, with the documented fields, statuses and errors. The
// files in testdata/api hold it to the documentation. What that leaves open, [Undocumented]
// chooses.
//
// It is built to expose mistakes. A write takes effect at the end of its latency, and writes of
// one app aren't serialized. The last write wins, so overlapping writers lose names as they
// would at ServerPilot. A received write is applied even if its client is gone. The simulator
// records every accepted write in a history for tests.
package simulator

import (
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// Simulator is a running simulator. Its methods are safe for concurrent use until Close.
type Simulator struct {
	opt       Options
	authority *authority
	api, web  *http.Server
	apiAddr   net.Addr
	webAddr   net.Addr
	dnsAddr   net.Addr
	resolvers []*dns.Server

	closing   chan struct{} // closed by Close, which ends all waits
	closeOnce sync.Once
	running   sync.WaitGroup // servers, connections, late writes

	mu            sync.Mutex // guards all fields below
	servers       collection[server]
	sysUsers      collection[sysUser]
	apps          collection[app]
	databases     collection[database]
	sshKeys       collection[sshKey]
	actions       map[string]action
	orders        orders
	accountStatus int
	behaviours    map[string]Behaviour
	faults        Faults
	random        *rand.Rand
	scripts       map[target][]Fault
	calls         map[target]int
	lastConn      time.Time // of the servers that were ever connected; zero if they still are
}

// target is a kind of call to one app. app is empty for calls that belong to no app.
type target struct {
	app  string
	call Call
}

// Start starts the three servers. The caller must close the simulator.
func Start(opt Options) (_ *Simulator, err error) {
	opt = opt.withDefaults()
	s := &Simulator{
		opt:        opt,
		closing:    make(chan struct{}),
		behaviours: map[string]Behaviour{},
		faults:     opt.Faults,
		random:     rand.New(rand.NewPCG(opt.Seed, 0)),
		scripts:    map[target][]Fault{},
		calls:      map[target]int{},
		actions:    map[string]action{},
		lastConn:   opt.LastConn,

		accountStatus: opt.AccountStatus,
	}
	if err := opt.check(); err != nil {
		return nil, err
	}
	if opt.CACertificate == nil {
		if opt.CACertificate, opt.CAKey, err = MakeCA(); err != nil {
			return nil, fmt.Errorf("making the simulator's certificate authority: %w", err)
		}
	}
	if s.authority, err = newAuthority(opt.CACertificate, opt.CAKey, opt.CertLifetime); err != nil {
		return nil, err
	}
	if err := s.addApps(opt.Apps); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	if err := s.startDNS(opt.DNSListen); err != nil {
		return nil, err
	}
	if err := s.startWeb(opt.TLSListen); err != nil {
		return nil, err
	}
	if err := s.startAPI(opt.Listen); err != nil {
		return nil, err
	}
	return s, nil
}

// Close ends all servers and waits for all goroutines. Writes that haven't taken effect never
// will. Further calls have no effect.
func (s *Simulator) Close() {
	s.closeOnce.Do(func() {
		close(s.closing)
		for _, server := range []*http.Server{s.api, s.web} {
			if server != nil {
				_ = server.Close()
			}
		}
		for _, resolver := range s.resolvers {
			_ = resolver.Shutdown()
		}
	})
	s.running.Wait()
}

// APIURL is the API's base URL, for SERVERPILOT_API_URL.
func (s *Simulator) APIURL() string { return "http://" + s.apiAddr.String() + "/v1" }

// DNSAddr is the resolver's host:port, the same for UDP and TCP.
func (s *Simulator) DNSAddr() string { return s.dnsAddr.String() }

// TLSPort is the port of the web servers' TLS, and of the proxy's.
func (s *Simulator) TLSPort() int { return s.webAddr.(*net.TCPAddr).Port }

// CAPEM is the certificate of the authority of all valid certificates.
func (s *Simulator) CAPEM() []byte { return s.authority.pem }

// serveHTTP runs an HTTP server. It also counts the connections' goroutines, for which
// http.Server's Close doesn't wait.
func (s *Simulator) serveHTTP(server *http.Server, listeners ...net.Listener) {
	server.ErrorLog = log.New(io.Discard, "", 0) // some tests provoke failing handshakes
	server.ReadHeaderTimeout = time.Minute
	server.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			s.running.Add(1)
		case http.StateClosed:
			s.running.Done()
		}
	}
	for _, listener := range listeners {
		s.running.Go(func() {
			if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
				panic(fmt.Sprintf("simulator: serving on %s: %v", listener.Addr(), err)) // no test can continue
			}
		})
	}
}

// wait waits for d. It returns false if the simulator was closed meanwhile.
func (s *Simulator) wait(d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-s.closing:
		return false
	}
}

// waitUntil waits until a channel is closed; it doesn't wait for nil. It returns false if the
// simulator was closed meanwhile.
func (s *Simulator) waitUntil(over <-chan struct{}) bool {
	if over == nil {
		return true
	}
	select {
	case <-over:
		return true
	case <-s.closing:
		return false
	}
}
