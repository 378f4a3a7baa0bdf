package certcheck

import (
	"context"
	"crypto/x509"
	"net/netip"
	"time"
)

const (
	defaultPort    = 443
	defaultTimeout = 15 * time.Second
	maxTimeout     = 20 * time.Second

	// maxAddresses is how many addresses a [Probe] keeps; an answer can hold thousands.
	maxAddresses = 32
	// maxDialled is how many addresses of a name are dialled. Without a limit, a name
	// with many addresses would turn the worker into a port scanner.
	maxDialled = 3
)

// Config says how to probe. The zero value probes as a browser on this machine would.
type Config struct {
	// DNS is the resolver to ask, as host:port; empty means the system's.
	DNS string
	// Port of the TLS servers; 0 means 443.
	Port int
	// Roots are the authorities that are trusted; nil means the system's.
	Roots *x509.CertPool
	// AllowPrivate permits addresses that aren't public. With it, every user who can
	// map a domain can make the worker connect into its own network.
	AllowPrivate bool
	// Proxies are known besides Cloudflare, and are tried before it.
	Proxies []Proxy
	// Timeout limits the whole probe of one name; DNS gets half of it at most, and a sixth if
	// [Checker.WithPatience] refuses more.
	// 0 or less means 15 s; more than 20 s counts as 20 s.
	Timeout time.Duration
	// Now is the clock for certificates' validity; nil means time.Now.
	Now func() time.Time
}

// Checker probes names. It is safe for concurrent use.
type Checker struct {
	cfg Config
	// control runs before each connect to a TLS server and can refuse it.
	control control
	proxies []Proxy
	// patience is asked about a name whose DNS hasn't answered; nil for always.
	patience func() (leave func(), ok bool)
}

// New returns a Checker; zero fields of cfg get their defaults.
func New(cfg Config) *Checker {
	if cfg.Port == 0 {
		cfg.Port = defaultPort
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = defaultTimeout
	}
	cfg.Timeout = min(cfg.Timeout, maxTimeout)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	c := &Checker{cfg: cfg, proxies: knownProxies(cfg.Proxies)}
	if !cfg.AllowPrivate {
		c.control = refuseNonPublic
	}
	return c
}

// WithProxies returns a Checker that knows these proxies instead of those of its Config.
func (c *Checker) WithProxies(proxies []Proxy) *Checker {
	other := *c
	other.proxies = knownProxies(proxies)
	return &other
}

// WithPatience returns a Checker that asks, before it waits longer for the DNS of one name than a
// sixth of Config.Timeout. If patience returns true, its leave is called at the end of the wait.
// Otherwise the name counts as unanswered.
func (c *Checker) WithPatience(patience func() (leave func(), ok bool)) *Checker {
	other := *c
	other.patience = patience
	return &other
}

// Resolve is the DNS part of [Checker.Check] alone, with the same limits; TLS is NotChecked.
func (c *Checker) Resolve(ctx context.Context, name string, expected []netip.Prefix) Probe {
	probe := Probe{Name: name, TLS: NotChecked}
	c.resolve(ctx, &probe, expected)
	return probe
}

// Check resolves name, which is in ASCII form without a trailing dot. If all its
// addresses are in expected, or are one proxy's, it does a TLS handshake with up to three
// of them. If that fails at the app's server, it reads the CAA records. A site behind a proxy
// that shows a valid certificate gets a challenge, which it signs by one of secrets. Without
// secrets the certificate alone decides.
//
// It returns no error: the Probe says what failed. It returns within Config.Timeout, and
// soon after ctx ends. A Probe that ctx cut short says nothing about the domain
// (Unknown, NotChecked), so check ctx.Err() before evaluating it.
func (c *Checker) Check(ctx context.Context, name string, expected []netip.Prefix, secrets ...[]byte) Probe {
	limited, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()

	probe := Probe{Name: name, TLS: NotChecked}
	start := time.Now()
	c.resolve(limited, &probe, expected)
	if probe.DNS == PointsHere || probe.DNS == Proxied {
		// What follows a handshake gets a fifth of the time.
		until, cancel := context.WithDeadline(limited, start.Add(c.cfg.Timeout*4/5))
		c.handshakes(until, &probe)
		cancel()
	}
	switch {
	case probe.DNS == Proxied && probe.TLS == Valid && len(secrets) > 0:
		probe.Site = c.askSite(limited, name, probe.TLSAddress, secrets)
	case probe.DNS == PointsHere && probe.TLS != Valid && probe.TLS != NotDialed:
		probe.CAA = c.lookUpCAA(limited, name)
	}
	if ctx.Err() != nil {
		return Probe{Name: name, DNS: DNSUnknown, DNSDetail: "the check was interrupted", TLS: NotChecked}
	}
	return probe
}
