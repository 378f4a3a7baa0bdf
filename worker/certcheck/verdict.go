package certcheck

import (
	"net/netip"
	"time"

	"pilotsync/tasks"
)

// Facts is what a verification collected about a domain.
type Facts struct {
	Domain string
	// Names are the domain itself and its www form where it has one.
	Names []string
	// Probes holds a probe of each name. A name without one counts as DNSUnknown.
	Probes  map[string]Probe
	AutoSSL AutoSSL
	// DisconnectedSince is when the app's server was last connected to ServerPilot; zero if
	// it is connected, or if that isn't known.
	DisconnectedSince time.Time
	// Shared are warnings about other apps that have names of the domain, too.
	Shared []tasks.Cause
	// OffList are those of Names that aren't on ServerPilot's list, and Repair is a clause
	// about how they get back on it. They aren't probed. If Domain is one of them, no
	// name is.
	OffList []string
	Repair  string
	// Expected is where DNS should point; empty if that isn't known.
	Expected []netip.Prefix
	// Attempt counts from 1; the attempt numbered Limit is the last.
	Attempt, Limit int
	// SeenPointing is that of the last attempt's [Verdict].
	SeenPointing bool
	// App is the id of the app that has the domain.
	App string
}

// Verdict is the result of an evaluation.
type Verdict struct {
	State tasks.State
	// Cause explains what was seen of the domain itself, Warnings what is wrong besides:
	// with its other names, or on other apps.
	Cause    tasks.Cause
	Warnings []tasks.Cause
	// Final: the verification ends here.
	Final bool
	// SeenPointing: in this attempt or before, DNS pointed here, or the domain worked behind a
	// proxy.
	SeenPointing bool
}

// Evaluate decides a domain's state. If the app's server is disconnected, that is the cause of
// whatever doesn't work; next comes that the domain isn't on the list. The domain itself
// decides; a www form that fails is only a warning. The handshake is the truth: a good domain
// is done whatever AutoSSL says, and with a disconnected server, too. Attempts continue until
// the domain is done or the limit is reached. They end at once if Let's Encrypt never certifies
// it, and both DNS and ServerPilot's API answered. Otherwise a certificate of the app's own may
// cover it.
func Evaluate(f Facts) Verdict {
	probe := f.Probes[f.Domain]
	here := probe.DNS == PointsHere
	v := Verdict{Cause: f.Cause(f.Domain), SeenPointing: here || probe.Good() || f.SeenPointing}
	if probe.Good() {
		v.State, v.Final, v.Warnings = tasks.Done, true, append(f.warnings(false), f.Shared...)
		return v
	}
	if here || !f.DisconnectedSince.IsZero() {
		// A www form whose DNS is wrong, or that Let's Encrypt may not certify, can hold up a
		// certificate for both. While the domain's own DNS is wrong, that is warning enough.
		v.Warnings = f.warnings(true)
	}
	v.Warnings = append(v.Warnings, f.Shared...)
	v.Final = f.Attempt >= f.Limit || v.Cause.Code == tasks.CauseNameNotCertifiable && f.AutoSSL.Known && !noAnswer(probe)
	switch {
	case v.Final && v.SeenPointing:
		v.State = tasks.DoneWithoutSSL
	case v.Final:
		v.State = tasks.Failed
	case here, noAnswer(probe) && f.SeenPointing:
		v.State = tasks.CheckingSSL
	default:
		v.State = tasks.CheckingDNS
	}
	return v
}

// noAnswer reports whether DNS gave no usable answer, or the name wasn't probed.
func noAnswer(p Probe) bool {
	return p.DNS == DNSUnknown || p.DNS == ""
}

// warnings explains what is wrong with the names besides the domain; with dnsOnly
// set it leaves out those that only lack a certificate.
func (f Facts) warnings(dnsOnly bool) (all []tasks.Cause) {
	if !f.DisconnectedSince.IsZero() {
		return f.warningsOffline()
	}
	for _, name := range f.Names {
		probe := f.Probes[name]
		if name == f.Domain || probe.Good() {
			continue
		}
		cause := f.Cause(name)
		if dnsOnly && probe.DNS == PointsHere && (!forbidsIssuing(cause.Code) || cause.Code == f.Cause(f.Domain).Code) {
			continue
		}
		all = append(all, cause)
	}
	return all
}

// warningsOffline are the warnings while the server is disconnected. What a domain's owner has
// to repair is among them: it doesn't wait for the server.
func (f Facts) warningsOffline() (all []tasks.Cause) {
	for _, name := range f.Names {
		if f.Probes[name].Good() {
			continue
		}
		if f.Probes[f.Domain].Good() && len(all) == 0 {
			all = append(all, f.Cause(name))
		}
		seen := f.CauseIfConnected(name)
		if entry, _ := tasks.Lookup(seen.Code); entry.Actor == tasks.ActorOwner {
			all = append(all, seen)
		}
	}
	return all
}

// forbidsIssuing reports whether no certificate can be issued for a name with the cause,
// though its DNS points here.
func forbidsIssuing(code tasks.Code) bool {
	switch code {
	case tasks.CauseNameNotCertifiable, tasks.CauseCAAForbids, tasks.CauseCAACritical, tasks.CauseCAAUnknown:
		return true
	}
	return false
}
