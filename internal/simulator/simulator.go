// Package simulator is a stand-in for everything pilotsync talks to but Redis:
// ServerPilot's API, DNS, and the TLS of the web servers. Each is a real
// listener on loopback, so programs under test use their real clients.
//
// It is made to expose mistakes rather than to please. Requests are checked as
// strictly as the API is documented. A write takes effect at the end of its
// latency and writes of one app are not put in line: the last one wins, so two
// overlapping writers lose one's names here as they would at ServerPilot. A
// write that has been received is carried out even if its caller is gone.
// Every accepted write is kept in a history that tests can hold against what
// they wanted.
package simulator

import (
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// Options is what a simulator starts with. The zero value is a working one.
type Options struct {
	// Apps are the apps there are; none means one app with the id "app1".
	Apps []App
	// Accounts are the API's users; none means one, "sim" with the key
	// "sim-key", that has all the apps.
	Accounts []Account
	// ServerAddress is the lastaddress of every server, where names without a
	// behaviour of their own point to. Default 127.0.0.1.
	ServerAddress netip.Addr
	// Latency is how long each API call takes. A write takes effect at its end,
	// a read shows the state at its middle: an answer is half a latency old.
	Latency time.Duration
	// CertDelay is how long a name must be listed and point to the server until
	// AutoSSL has a certificate for it.
	CertDelay time.Duration
	// Behaviour says how names behave for which SetBehaviour wasn't called.
	// It isn't asked about www forms: they behave as their domain. Default ByName.
	Behaviour func(name string) Behaviour
	// Faults are the faults to start with, Seed the seed of their randomness.
	Faults Faults
	Seed   uint64
	// Listen, DNSListen (UDP and TCP) and TLSListen are the addresses of the
	// three servers. Default 127.0.0.1:0, a free port.
	Listen, DNSListen, TLSListen string
	// CACertificate and CAKey are the authority behind all valid certificates,
	// as MakeCA makes one. Default a new one.
	CACertificate, CAKey []byte
	// Now is the clock by which certificates become available. Default time.Now.
	Now func() time.Time
}

// App is an app as it stands at the start.
type App struct {
	ID       string
	ServerID string // default "server1"
	// Domains is the list as somebody set it by hand: it isn't checked, so it
	// can hold names or numbers of names that the API refuses to be sent.
	Domains []string
	// AutoSSL: AutoSSL is on, and has been long enough for all of Domains.
	AutoSSL bool
	// CustomCertificate: a certificate was uploaded, good for each listed name.
	CustomCertificate bool
}

// Account is one user of the API.
type Account struct {
	ClientID, APIKey string
	Apps             []string // ids; nil means all apps
}

// Simulator is a running stand-in. Its methods may be called at any time, from
// any goroutine, until Close.
type Simulator struct {
	opt       Options
	authority *authority
	api, web  *http.Server
	apiAddr   net.Addr
	webAddr   net.Addr
	dnsAddr   net.Addr
	resolvers []*dns.Server

	closing   chan struct{} // closed by Close: nobody waits any longer
	closeOnce sync.Once
	running   sync.WaitGroup // servers, connections, late writes

	mu            sync.Mutex // guards all below
	apps          map[string]*app
	order         []string // app ids as given
	accountStatus int
	behaviours    map[string]Behaviour
	faults        Faults
	random        *rand.Rand
	scripts       map[target][]Fault
	calls         map[target]int
	actions       map[string]action
}

// target is a kind of call to one app; app is empty where a call is about none.
type target struct {
	app  string
	call Call
}

// Start starts the three servers. The caller must Close the simulator.
func Start(opt Options) (_ *Simulator, err error) {
	opt = opt.withDefaults()
	s := &Simulator{
		opt:        opt,
		closing:    make(chan struct{}),
		apps:       map[string]*app{},
		behaviours: map[string]Behaviour{},
		faults:     opt.Faults,
		random:     rand.New(rand.NewPCG(opt.Seed, 0)),
		scripts:    map[target][]Fault{},
		calls:      map[target]int{},
		actions:    map[string]action{},
	}
	if err := opt.Faults.Check(); err != nil {
		return nil, err
	}
	if err := s.addApps(opt.Apps); err != nil {
		return nil, err
	}
	if opt.CACertificate == nil {
		if opt.CACertificate, opt.CAKey, err = MakeCA(); err != nil {
			return nil, fmt.Errorf("making the simulator's certificate authority: %w", err)
		}
	}
	if s.authority, err = newAuthority(opt.CACertificate, opt.CAKey); err != nil {
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

func (o Options) withDefaults() Options {
	if len(o.Apps) == 0 {
		o.Apps = []App{{ID: "app1"}}
	}
	if len(o.Accounts) == 0 {
		o.Accounts = []Account{{ClientID: "sim", APIKey: "sim-key"}}
	}
	o.Accounts = slices.Clone(o.Accounts) // keys change
	if !o.ServerAddress.IsValid() {
		o.ServerAddress = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	if o.Behaviour == nil {
		o.Behaviour = ByName
	}
	for _, addr := range []*string{&o.Listen, &o.DNSListen, &o.TLSListen} {
		if *addr == "" {
			*addr = "127.0.0.1:0"
		}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Close ends all servers and waits for all goroutines. Writes that haven't
// taken effect yet never will. It may be called more than once.
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

// TLSPort is the port on which the web servers' TLS is served.
func (s *Simulator) TLSPort() int { return s.webAddr.(*net.TCPAddr).Port }

// CAPEM is the certificate of the authority behind all valid certificates.
func (s *Simulator) CAPEM() []byte { return s.authority.pem }

// serve runs an HTTP server and accounts for its connections' goroutines, which
// http.Server's Close doesn't wait for.
func (s *Simulator) serve(listener net.Listener, server *http.Server) {
	server.ErrorLog = log.New(io.Discard, "", 0) // failing handshakes are the point of some tests
	server.ReadHeaderTimeout = time.Minute
	server.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			s.running.Add(1)
		case http.StateClosed:
			s.running.Done()
		}
	}
	s.running.Go(func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			panic(fmt.Sprintf("simulator: serving on %s: %v", listener.Addr(), err)) // nothing sensible is left to test
		}
	})
}

// wait waits for d, and reports false if the simulator was closed meanwhile.
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

// waitUntil waits until a channel is closed, and reports false if the simulator was
// closed meanwhile. It doesn't wait for nil.
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
