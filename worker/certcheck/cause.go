package certcheck

import (
	"net/netip"
	"slices"

	"pilotsync/tasks"
)

// Cause finds the most useful explanation of what was seen of one name: what comes first
// has to be repaired first. No change reaches a disconnected server.
func (f Facts) Cause(name string) tasks.Cause {
	if !f.DisconnectedSince.IsZero() && !f.Probes[name].Good() {
		return tasks.Cause{Code: tasks.CauseServerDisconnected, Params: tasks.Params{Since: f.DisconnectedSince}}
	}
	return f.CauseIfConnected(name)
}

// CauseIfConnected is [Facts.Cause] without regard to whether the server is connected.
func (f Facts) CauseIfConnected(name string) tasks.Cause {
	probe := f.Probes[name]
	p := tasks.Params{Name: sanitize(name, maxName)}
	if slices.Contains(f.OffList, name) {
		p.App, p.Message = f.App, f.Repair
		return tasks.Cause{Code: tasks.CauseNotOnList, Params: p}
	}
	if rule, never := tasks.NotCertifiable(name); never && !probe.Good() && !f.AutoSSL.ownCertificates() {
		p.Rule = rule
		return tasks.Cause{Code: tasks.CauseNameNotCertifiable, Params: p}
	}
	switch probe.DNS {
	case PointsHere:
		return f.tlsCause(p, name, probe)
	case Proxied:
		return f.proxiedCause(p, probe)
	case Bogus:
		p.Message = sanitize(probe.DNSDetail, maxDetail)
		return tasks.Cause{Code: tasks.CauseDNSSECBogus, Params: p}
	case Elsewhere:
		return f.elsewhere(p, probe)
	case NoAddress:
		p.Expected = f.ExpectedTexts()
		if probe.Alias != "" {
			p.Target = sanitize(probe.Alias, maxName)
			return tasks.Cause{Code: tasks.CauseDNSAliasDangling, Params: p}
		}
		return tasks.Cause{Code: tasks.CauseDNSMissing, Params: p}
	}
	p.Message = sanitize(probe.DNSDetail, maxDetail)
	return tasks.Cause{Code: tasks.CauseDNSUnknown, Params: p}
}

// elsewhere says which addresses aren't expected. AAAA records beside right A records have
// a cause of their own: they are easily forgotten, and Let's Encrypt prefers them.
func (f Facts) elsewhere(p tasks.Params, probe Probe) tasks.Cause {
	var v4 bool
	for _, a := range probe.Addresses {
		if within(a, f.Expected) {
			continue
		}
		v4 = v4 || a.Is4()
		if len(p.Found) < tasks.MaxParamItems {
			p.Found = append(p.Found, a.String())
		}
	}
	p.Expected = f.ExpectedTexts()
	right := slices.ContainsFunc(probe.Addresses, func(a netip.Addr) bool { return within(a, f.Expected) })
	switch {
	case len(f.Expected) == 0:
		return tasks.Cause{Code: tasks.CauseServerAddressUnknown, Params: p}
	case !v4 && right:
		return tasks.Cause{Code: tasks.CauseIPv6Elsewhere, Params: p}
	}
	return tasks.Cause{Code: tasks.CauseDNSElsewhere, Params: p}
}

// Expiring is the cause of a name that works, but whose certificate was not renewed in time. It
// depends on what should have renewed the certificate.
func (f Facts) Expiring(name string) tasks.Cause {
	probe := f.Probes[name]
	p := tasks.Params{Name: sanitize(name, maxName), Until: probe.NotAfter, Issuer: sanitize(probe.Issuer, maxName)}
	if probe.DNS == Proxied {
		p.Provider = probe.Provider
		return tasks.Cause{Code: tasks.CauseProxyCertificateExpiring, Params: p}
	}
	p.App = f.App
	if f.AutoSSL.Known && f.AutoSSL.ownCertificates() {
		return tasks.Cause{Code: tasks.CauseCustomCertificateExpiring, Params: p}
	}
	return tasks.Cause{Code: tasks.CauseCertificateExpiring, Params: p}
}

// ExpectedTexts returns the addresses and networks that DNS should have, at most
// [tasks.MaxParamItems].
func (f Facts) ExpectedTexts() (shown []string) {
	for _, e := range f.Expected[:min(len(f.Expected), tasks.MaxParamItems)] {
		shown = append(shown, shownPrefix(e))
	}
	return shown
}

// SeenDNS returns what was seen in DNS of the names that were probed; nil if it isn't known where
// they should point.
func (f Facts) SeenDNS() *tasks.SeenDNS {
	if len(f.Expected) == 0 {
		return nil
	}
	seen := &tasks.SeenDNS{Expected: f.ExpectedTexts()}
	for _, name := range f.Names {
		if probe, ok := f.Probes[name]; ok {
			seen.Names = append(seen.Names, probe.SeenDNS())
		}
	}
	return seen
}

func shownPrefix(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}

// tlsCause is for a name whose DNS points here. What ServerPilot says about its certificate
// explains more than the handshake that fails because of it.
func (f Facts) tlsCause(p tasks.Params, name string, probe Probe) tasks.Cause {
	p.App = f.App
	switch probe.TLS {
	case Valid:
		p.App, p.Until, p.Issuer = "", probe.NotAfter, sanitize(probe.Issuer, maxName)
		return tasks.Cause{Code: tasks.CauseWorks, Params: p}
	case NotDialed:
		return refusedCause(p, probe)
	}
	if f.caaDecides(name, probe) {
		return caaCause(p, probe.CAA)
	}
	seen := f.handshakeCause(p, probe)
	switch {
	case !f.AutoSSL.Known: // only the handshake says something
		return seen
	case f.AutoSSL.Custom:
		return customCause(seen, probe)
	case f.AutoSSL.ownCertificates() && probe.showsOwn():
		return seen
	}
	return f.autoSSLCause(seen, name)
}

// caaDecides reports whether CAA records keep the name from its certificate. They don't
// matter if the app has certificates of its own, or if one is ready and hasn't expired.
func (f Facts) caaDecides(name string, probe Probe) bool {
	ready := f.AutoSSL.Known && f.AutoSSL.Available && f.AutoSSL.covers(name) && probe.TLS != Expired
	return probe.CAA.Status != CAAAllows && !f.AutoSSL.ownCertificates() && !ready
}

func caaCause(p tasks.Params, caa CAA) tasks.Cause {
	p.App, p.Message = "", sanitize(caa.Detail, maxDetail)
	if caa.Status == CAAUnknown {
		return tasks.Cause{Code: tasks.CauseCAAUnknown, Params: p}
	}
	p.Record = caa.Record
	if caa.Status == CAACritical {
		return tasks.Cause{Code: tasks.CauseCAACritical, Params: p}
	}
	p.Issuers = caa.Issuers
	return tasks.Cause{Code: tasks.CauseCAAForbids, Params: p}
}

// proxiedCause is for a name whose visitors see a proxy. The proxy's certificate says
// nothing of the app's.
func (f Facts) proxiedCause(p tasks.Params, probe Probe) tasks.Cause {
	p.Provider, p.Expected = probe.Provider, f.ExpectedTexts()
	switch {
	case probe.Good():
		p.Expected, p.Until, p.Issuer = nil, probe.NotAfter, sanitize(probe.Issuer, maxName)
		return tasks.Cause{Code: tasks.CauseWorks, Params: p}
	case probe.TLS == Valid:
		return tasks.Cause{Code: tasks.CauseOtherSite, Params: p}
	case probe.TLS == NotDialed:
		return refusedCause(p, probe)
	}
	p.Message = probe.tlsProblem()
	return tasks.Cause{Code: tasks.CauseBehindProxy, Params: p}
}

// refusedCause is for an address that isn't dialled.
func refusedCause(p tasks.Params, probe Probe) tasks.Cause {
	return tasks.Cause{Code: tasks.CauseAddressNotPublic, Params: tasks.Params{Name: p.Name, Message: sanitize(probe.TLSDetail, maxDetail)}}
}

// handshakeCause is what the handshake alone says.
func (f Facts) handshakeCause(p tasks.Params, probe Probe) tasks.Cause {
	if probe.TLSAddress.IsValid() {
		p.Address = probe.TLSAddress.String()
	}
	code := tasks.CauseHandshakeFailed
	switch probe.TLS {
	case WrongName:
		p.Names = probe.CertNames
		return tasks.Cause{Code: tasks.CauseCertificateWrongName, Params: p}
	case Expired:
		p.Until, p.Issuer = probe.NotAfter, sanitize(probe.Issuer, maxName)
		return tasks.Cause{Code: tasks.CauseCertificateExpired, Params: p}
	case NotYetValid:
		p.Until, p.Issuer = probe.NotBefore, sanitize(probe.Issuer, maxName)
		return tasks.Cause{Code: tasks.CauseCertificateNotYetValid, Params: p}
	case Untrusted:
		code = tasks.CauseCertificateUntrusted
	case Unreachable:
		code = tasks.CauseServerUnreachable
	case NotTLS:
		code = tasks.CauseNoTLS
	}
	if p.Message = sanitize(probe.TLSDetail, maxDetail); p.Message == "" {
		p.Message = "its certificate wasn't checked"
	}
	return tasks.Cause{Code: code, Params: p}
}

// customCause is that of an app with a custom certificate.
func customCause(seen tasks.Cause, probe Probe) tasks.Cause {
	switch probe.TLS {
	case WrongName:
		seen.Code = tasks.CauseCustomDoesNotCover
	case Expired, NotYetValid, Untrusted:
		seen.Code, seen.Params.Message = tasks.CauseCustomNotAccepted, probe.tlsProblem()
	}
	return seen
}

// autoSSLCause is that of an app which gets its certificates by AutoSSL.
func (f Facts) autoSSLCause(seen tasks.Cause, name string) tasks.Cause {
	ssl := f.AutoSSL
	p := tasks.Params{Name: seen.Params.Name, App: f.App}
	switch {
	case !ssl.On && ssl.KeepOff:
		return tasks.Cause{Code: tasks.CauseAutoSSLOff, Params: p}
	case ssl.NotReported && ssl.On:
		return seen
	case ssl.NotReported:
		return tasks.Cause{Code: tasks.CauseCertificateUnknown, Params: p}
	case !ssl.Available:
		return tasks.Cause{Code: tasks.CauseCertificateNotReady, Params: p}
	case ssl.Refusal != "":
		p.Message = sanitize(ssl.Refusal, maxDetail)
		return tasks.Cause{Code: tasks.CauseAutoSSLRefused, Params: p}
	case ssl.Failure != "":
		p.Message = sanitize(ssl.Failure, maxDetail)
		return tasks.Cause{Code: tasks.CauseAutoSSLFailed, Params: p}
	case !ssl.covers(name):
		for _, n := range ssl.Covered[:min(len(ssl.Covered), tasks.MaxParamItems)] {
			p.Names = append(p.Names, sanitize(n, maxShownName))
		}
		return tasks.Cause{Code: tasks.CauseCertificateDoesNotCover, Params: p}
	case ssl.TurnedOn:
		return tasks.Cause{Code: tasks.CauseAutoSSLStarted, Params: p}
	case !ssl.On && ssl.DryRun:
		return tasks.Cause{Code: tasks.CauseAutoSSLDryRun, Params: p}
	}
	return seen
}

// NeedsCertificate reports whether one of the probed names doesn't work.
func (f Facts) NeedsCertificate() bool {
	for _, p := range f.Probes {
		if !p.Good() {
			return true
		}
	}
	return false
}
