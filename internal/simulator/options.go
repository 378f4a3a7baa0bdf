package simulator

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// Options configures a simulator. The zero value works.
type Options struct {
	// Apps lists the apps. Default: one app with the id "app1".
	Apps []App
	// Accounts lists the API's users. Default: one, "sim" with the key "sim-key", that has
	// all apps.
	Accounts []Account
	// ServerAddress is the lastaddress of every server, to which names point by default.
	// Default: 127.0.0.1.
	ServerAddress netip.Addr
	// Latency is the duration of each API call. A write takes effect at its end. A read shows
	// the state at its middle, so a response is half a latency old.
	Latency time.Duration
	// CertDelay is how long a name must be listed and point to the server until AutoSSL has a
	// certificate for it.
	CertDelay time.Duration
	// CertLifetime is the lifetime of certificates. AutoSSL replaces them with a third of it left.
	// Let's Encrypt's have 90 days, 64 from February 2027, and 45 from February 2028.
	// Default: 90 days.
	CertLifetime time.Duration
	// RateLimits: AutoSSL keeps to Let's Encrypt's rate limits. It gets no certificate beyond
	// them, and the earlier ones stay in use.
	RateLimits bool
	// Behaviour returns the behaviour of names without SetBehaviour. It isn't called for www
	// forms, which behave as their domain. Default: ByName.
	Behaviour func(name string) Behaviour
	// Faults are the initial random faults, and Seed is the seed of their randomness.
	Faults Faults
	Seed   uint64
	// Listen, DNSListen (UDP and TCP) and TLSListen are the addresses of the three servers.
	// Default: 127.0.0.1:0, a free port.
	Listen, DNSListen, TLSListen string
	// CACertificate and CAKey are the certificate authority of all valid certificates, as
	// returned by MakeCA. Default: a new one.
	CACertificate, CAKey []byte
	// LastConn is when each server was last connected to ServerPilot. Default: it is
	// connected.
	LastConn time.Time
	// Runtimes are the available_runtimes of each server; apps have the last one unless they say
	// otherwise. Default: php7.4 and php8.0 to php8.4.
	Runtimes []string
	// ActionDelay is how long an action is open. Default: twice the latency, so that clients
	// sometimes see it open.
	ActionDelay time.Duration
	// AccountStatus is the error status that every call is answered with: see
	// [Simulator.SetAccountStatus]. Default: none.
	AccountStatus int
	// Undocumented chooses what ServerPilot's documentation leaves open.
	Undocumented Undocumented
	// SiteSecret is the key of a webhook secret of the network. With it all sites but those
	// with OtherSite prove that they belong to the network. Default: no site can.
	SiteSecret []byte
	// Now is the clock that decides when certificates become available. Default: time.Now.
	Now func() time.Time
}

// App is the initial state of an app.
type App struct {
	ID       string
	ServerID string // default "server1"
	// Domains is the list as set by hand. It isn't checked, so it may have names, or more
	// names, than the API accepts.
	Domains []string
	// AutoSSL: AutoSSL is on and has certificates for all of Domains.
	AutoSSL bool
	// CustomCertificate: a custom certificate was uploaded, valid for each listed name.
	CustomCertificate bool
	// Status is the error status that every call for the app is answered with: see
	// [Simulator.SetAppStatus]. Default: none.
	Status int
}

// Account is a user of the API.
type Account struct {
	ClientID, APIKey string
	// Apps are the ids of its apps, besides those that it creates; nil means all apps, and
	// everything else that the simulator has.
	Apps []string
}

func (o Options) withDefaults() Options {
	if len(o.Apps) == 0 {
		o.Apps = []App{{ID: "app1"}}
	}
	if len(o.Accounts) == 0 {
		o.Accounts = []Account{{ClientID: "sim", APIKey: "sim-key"}}
	}
	o.Accounts = slices.Clone(o.Accounts) // SetAPIKey changes them
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
	if len(o.Runtimes) == 0 {
		o.Runtimes = []string{"php7.4", "php8.0", "php8.1", "php8.2", "php8.3", "php8.4"}
	}
	if o.ActionDelay == 0 {
		o.ActionDelay = 2 * o.Latency
	}
	if o.CertLifetime == 0 {
		o.CertLifetime = 90 * 24 * time.Hour
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// check returns an error that names the first option out of its range.
func (o Options) check() error {
	if o.ActionDelay < 0 {
		return fmt.Errorf("the delay of actions is %s; it takes 0 or more", o.ActionDelay)
	}
	if o.CertLifetime <= backdated {
		return fmt.Errorf("the lifetime of certificates is %s; it takes more than %s", o.CertLifetime, backdated)
	}
	statuses := []error{checkStatus(o.AccountStatus)}
	for _, a := range o.Apps {
		statuses = append(statuses, checkStatus(a.Status))
	}
	return errors.Join(append(statuses, o.Faults.Check(), o.Undocumented.check())...)
}

// checkStatus returns an error unless a status is one of an error, or 0 for none.
func checkStatus(status int) error {
	if status != 0 && (status < 400 || status > 599) {
		return fmt.Errorf("the status is %d; it takes 400 to 599, or 0 for none", status)
	}
	return nil
}
