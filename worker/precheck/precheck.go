// Package precheck answers whether a domain would work on an app, before it is added. It asks
// what a verification asks, and changes nothing.
package precheck

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"pilotsync/internal/serverpilot"
	"pilotsync/tasks"
	"pilotsync/worker/certcheck"
	"pilotsync/worker/listsync"
)

// Source reads apps and servers; a [serverpilot.Client] is one.
type Source interface {
	App(ctx context.Context, id string) (serverpilot.App, error)
	Server(ctx context.Context, id string) (serverpilot.Server, error)
}

// Prober probes a name; a [certcheck.Checker] is one.
type Prober interface {
	Check(ctx context.Context, name string, expected []netip.Prefix, secrets ...[]byte) certcheck.Probe
}

// Target is what a domain is checked against.
type Target struct {
	// App is the app that the domain would be on. Without one only names, DNS and the
	// certificate are checked.
	App string
	// Listed are the names on the app's list, and OtherApps has the app of each name on another
	// app's list. Both are in the form of [tasks.Canonical].
	Listed    map[string]bool
	OtherApps map[string]string
	reserved  int // places on the list
	AutoSSL   certcheck.AutoSSL
	// Expected is where DNS should point; empty if that isn't known.
	Expected []netip.Prefix
	// DisconnectedSince is when the app's server was last connected to ServerPilot; zero if
	// it is connected, or if that isn't known.
	DisconnectedSince time.Time
	// Keys are those of the webhook's secrets. With them a site behind a proxy proves that it
	// is this network's; without them the proxy's certificate decides.
	Keys [][]byte
	// WWW is the rule that decides whether the domain has a www form.
	WWW tasks.WWW
}

// Load reads an app, and the address of its server. The address is the zero Addr if
// ServerPilot knows none. others are the ids of the apps whose lists become OtherApps. If one
// of these can't be read, the error wraps [ErrOtherApp], and the Target is complete otherwise.
//
// The caller sets Expected, Keys, WWW and AutoSSL.KeepOff, which are settings.
func Load(ctx context.Context, source Source, id string, others []string) (Target, netip.Addr, error) {
	t := Target{App: id, Listed: map[string]bool{}, OtherApps: map[string]string{}}
	app, err := source.App(ctx, id)
	if err != nil {
		return Target{}, netip.Addr{}, fmt.Errorf("read app %s: %w", id, err)
	}
	for _, name := range app.Domains {
		t.Listed[tasks.Canonical(name)] = true
	}
	t.AutoSSL = certcheck.AutoSSL{Known: true, On: app.SSL.Auto, Custom: app.SSL.Custom, NotReported: !app.AutoSSL.Reported, Available: app.AutoSSL.Available, Covered: app.AutoSSL.Domains}
	server, err := source.Server(ctx, app.ServerID)
	if err != nil {
		return Target{}, netip.Addr{}, fmt.Errorf("read the server of app %s: %w", id, err)
	}
	t.DisconnectedSince = server.DisconnectedSince()
	var unread []error
	for _, other := range others {
		app, err := source.App(ctx, other)
		if err != nil {
			unread = append(unread, fmt.Errorf("%w: %s: %w", ErrOtherApp, other, err))
		}
		for _, name := range app.Domains {
			name = tasks.Canonical(name)
			t.OtherApps[name] = cmp.Or(t.OtherApps[name], other)
		}
	}
	return t, server.LastAddress, errors.Join(unread...)
}

// ErrOtherApp is wrapped by the error about an app that the domain wouldn't be on.
var ErrOtherApp = errors.New("another app could not be read")

// Check probes a canonical domain and its www form, and evaluates what it found. Its
// error is that of ctx.
func Check(ctx context.Context, prober Prober, t Target, domain string) (tasks.CheckResult, error) {
	facts, err := Collect(ctx, prober, t, domain)
	return Evaluate(t, facts), err
}

// Collect probes a canonical domain and its www form. Its error is that of ctx.
func Collect(ctx context.Context, prober Prober, t Target, domain string) (certcheck.Facts, error) {
	facts := certcheck.Facts{Domain: domain, Names: tasks.Names(domain, t.WWW), Probes: map[string]certcheck.Probe{},
		AutoSSL: t.AutoSSL, Expected: t.Expected, App: t.App}
	facts.AutoSSL.TurnedOn = t.AutoSSL.CanEnable() // a verification would do it
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, name := range facts.Names {
		all.Go(func() {
			keys := t.Keys
			if !t.Listed[name] { // ServerPilot answers for another app until the name is listed
				keys = nil
			}
			probe := prober.Check(ctx, name, t.Expected, keys...)
			mu.Lock()
			defer mu.Unlock()
			facts.Probes[name] = probe
		})
	}
	all.Wait()
	return facts, ctx.Err()
}

// Evaluate decides by the facts. The domain itself decides; what is wrong with its www form
// is only among the problems, as in a verification. If the server is disconnected, that is the
// first problem, and the cause of a domain that doesn't work already.
func Evaluate(t Target, facts certcheck.Facts) tasks.CheckResult {
	r := tasks.CheckResult{Domain: facts.Domain, Names: facts.Names, Records: records(facts, t.Expected), Problems: []tasks.Cause{}}
	for _, name := range facts.Names {
		cause := t.cause(facts, name)
		if name == facts.Domain {
			r.Cause, r.OK = cause, works(cause.Code)
		}
		if !works(cause.Code) {
			r.Problems = append(r.Problems, cause)
		}
	}
	if !t.DisconnectedSince.IsZero() {
		offline := tasks.Cause{Code: tasks.CauseServerDisconnected, Params: tasks.Params{Since: t.DisconnectedSince}}
		r.Problems = append([]tasks.Cause{offline}, r.Problems...)
		if r.Cause.Code != tasks.CauseWorks || !t.Listed[r.Domain] {
			r.Cause, r.OK = offline, false
		}
	}
	return r
}

// works reports whether a cause needs no action.
func works(code tasks.Code) bool {
	switch code {
	case tasks.CauseWorks, tasks.CauseWouldWork, tasks.CauseOriginUnknown, tasks.CauseCertificateNotReady:
		return true
	}
	return false
}

// cause explains what was found of one name. What has to be repaired first comes first.
func (t Target) cause(facts certcheck.Facts, name string) tasks.Cause {
	seen, probe := facts.Cause(name), facts.Probes[name]
	if seen.Code == tasks.CauseNameNotCertifiable {
		return seen
	}
	if !t.Listed[name] {
		if c := t.cantBeListed(facts, name); c.Code != "" {
			return c
		}
	}
	switch {
	case seen.Code == tasks.CauseAutoSSLStarted:
		return tasks.Cause{Code: tasks.CauseWouldWork, Params: tasks.Params{Name: name}}
	case t.Listed[name]:
		return seen
	case seen.Code == tasks.CauseWorks && probe.DNS == certcheck.Proxied:
		return tasks.Cause{Code: tasks.CauseOriginUnknown, Params: tasks.Params{Name: name, Provider: probe.Provider, Expected: facts.ExpectedTexts()}}
	case !awaitsCertificate(probe, seen.Code):
		return seen
	case t.AutoSSL.Custom:
		return tasks.Cause{Code: tasks.CauseCustomCertificate, Params: tasks.Params{Name: name, App: t.App}}
	case !t.AutoSSL.On && t.AutoSSL.KeepOff:
		return tasks.Cause{Code: tasks.CauseAutoSSLOff, Params: tasks.Params{Name: name, App: t.App}}
	}
	return tasks.Cause{Code: tasks.CauseWouldWork, Params: tasks.Params{Name: name}}
}

// cantBeListed returns why a name that isn't on the app's list can't be put there; a zero Cause if
// it can.
func (t Target) cantBeListed(facts certcheck.Facts, name string) tasks.Cause {
	if other := t.OtherApps[name]; other != "" {
		return tasks.Cause{Code: tasks.CauseOnAnotherApp, Params: tasks.Params{Name: name, App: other}}
	}
	taken, need := len(t.Listed)+t.reserved, t.missing(facts.Names)
	if name == facts.Domain && need > listsync.Limit-taken {
		return tasks.Cause{Code: tasks.CauseListFull, Params: tasks.Params{Name: name, Count: taken, Limit: listsync.Limit, Need: need}}
	}
	return tasks.Cause{}
}

// Reserve takes the places that a domain's names would need on the list. Domains that are
// checked later don't fit there.
func (t *Target) Reserve(names []string) { t.reserved += t.missing(names) }

// missing is the number of names that the app's list would need besides those on it.
func (t Target) missing(names []string) (n int) {
	for _, name := range names {
		if t.App != "" && !t.Listed[name] {
			n++
		}
	}
	return n
}

// awaitsCertificate reports whether DNS is right and only a certificate is missing. What a
// server shows for a name that isn't on its list says nothing about the name.
func awaitsCertificate(probe certcheck.Probe, code tasks.Code) bool {
	switch code {
	case tasks.CauseWorks, tasks.CauseAddressNotPublic, tasks.CauseCAAForbids, tasks.CauseCAACritical, tasks.CauseCAAUnknown:
		return false
	}
	return probe.DNS == certcheck.PointsHere
}
