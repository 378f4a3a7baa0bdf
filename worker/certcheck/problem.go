package certcheck

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"pilotsync/tasks"
)

// problem is why a name isn't good. The sentence, which has no full stop, says what is
// wrong, and the remedy what a person can do about it. The cause is the sentence for
// programs.
type problem struct {
	sentence, remedy string
	cause            tasks.Cause
}

// problem returns the most actionable explanation for a name that isn't good.
func (f Facts) problem(name string) problem {
	probe := f.Probes[name]
	shown := sanitize(name, maxName)
	if slices.Contains(f.OffList, name) {
		return problem{
			fmt.Sprintf("%s is not on ServerPilot's list of %s right now; %s", shown, f.app(), f.Repair),
			"see what holds up the syncs of " + f.app() + " ('pilotsync apps')",
			tasks.CauseNotListed,
		}
	}
	switch probe.DNS {
	case PointsHere:
		return f.tlsProblem(shown, name, probe)
	case Elsewhere:
		return problem{f.elsewhere(shown, probe), f.pointHere(shown), tasks.CauseDNSElsewhere}
	case NoAddress:
		detail := probe.DNSDetail
		if detail == "" {
			detail = "has no A or AAAA record"
		}
		return problem{fmt.Sprintf("%s %s; %s", shown, sanitize(detail, maxDetail), f.appIsOn()), f.pointHere(shown), tasks.CauseDNSMissing}
	}
	why := ""
	if probe.DNSDetail != "" {
		why = " (" + sanitize(probe.DNSDetail, maxDetail) + ")"
	}
	return problem{
		fmt.Sprintf("the DNS lookup of %s failed%s, which doesn't mean that its records are wrong", shown, why),
		"check that the domain's name servers answer",
		tasks.CauseDNSUnknown,
	}
}

// problems lists what is wrong with each probed or missing name, the domain first.
func (f Facts) problems() []tasks.Problem {
	var all []tasks.Problem
	for _, name := range f.Names {
		probe, probed := f.Probes[name]
		if probe.Good() || !probed && !slices.Contains(f.OffList, name) {
			continue
		}
		p := tasks.Problem{Name: name, Cause: f.problem(name).cause}
		if p.Cause == tasks.CauseDNSElsewhere {
			for _, a := range probe.Addresses {
				if !within(a, f.Expected) {
					p.Found = append(p.Found, a.String())
				}
			}
			p.Found = p.Found[:min(len(p.Found), maxProblemAddresses)]
		}
		if p.Cause == tasks.CauseDNSElsewhere || p.Cause == tasks.CauseDNSMissing {
			for _, e := range f.Expected[:min(len(f.Expected), maxProblemAddresses)] {
				p.Expected = append(p.Expected, shownPrefix(e))
			}
		}
		all = append(all, p)
	}
	return all
}

// maxProblemAddresses limits both address lists of a [tasks.Problem].
const maxProblemAddresses = 10

// elsewhere says which addresses aren't expected. It names AAAA records as such: they
// are easily forgotten, and Let's Encrypt prefers them.
func (f Facts) elsewhere(name string, probe Probe) string {
	var v4, v6 []string
	for _, a := range probe.Addresses {
		switch {
		case within(a, f.Expected):
		case a.Is4():
			v4 = append(v4, a.String())
		default:
			v6 = append(v6, a.String())
		}
	}
	atLeast := ""
	if len(probe.Addresses) >= maxAddresses {
		atLeast = "at least "
	}
	if len(f.Expected) == 0 || len(v4)+len(v6) == 0 {
		to := list(append(v4, v6...), 3, atLeast)
		if to == "" {
			to = "another server"
		}
		return fmt.Sprintf("%s points to %s; %s", name, to, f.appIsOn())
	}

	some := len(probe.Addresses) > len(v4)+len(v6) // some addresses are right
	var parts []string
	if len(v4) > 0 {
		verb := "points to"
		if some {
			verb = "also points to"
		}
		parts = append(parts, fmt.Sprintf("%s %s %s; %s", name, verb, list(v4, 3, atLeast), f.appIsOn()))
	}
	if len(v6) > 0 {
		subject := name + " has"
		if len(v4) > 0 {
			subject = "it also has"
		}
		noun, verb, them := "an AAAA record", "isn't", "it"
		if len(v6) > 1 {
			noun, verb, them = "AAAA records", "aren't", "them"
		}
		parts = append(parts, fmt.Sprintf("%s %s %s, which %s this app's server: remove %s or add %s to PILOTSYNC_EXPECTED_ADDRESSES",
			subject, noun, list(v6, 3, atLeast), verb, them, them))
		if len(v4) == 0 && !some {
			parts = append(parts, f.appIsOn())
		}
	}
	return strings.Join(parts, "; ")
}

// appIsOn says where DNS should point.
func (f Facts) appIsOn() string {
	if len(f.Expected) == 0 {
		return "where this app's server is isn't known: set PILOTSYNC_EXPECTED_ADDRESSES"
	}
	return "this app is on " + f.expected()
}

func (f Facts) expected() string {
	var places []string
	for _, p := range f.Expected {
		places = append(places, shownPrefix(p))
	}
	return list(places, 3, "")
}

func shownPrefix(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}

func (f Facts) pointHere(name string) string {
	if len(f.Expected) == 0 {
		return "set PILOTSYNC_EXPECTED_ADDRESSES to the address of the app's server"
	}
	return fmt.Sprintf("make %s point to %s and nowhere else", name, f.expected())
}

// tlsProblem explains a name whose DNS points here. What ServerPilot says about the
// certificate explains more than the failed handshake does.
func (f Facts) tlsProblem(shown, name string, probe Probe) problem {
	detail := sanitize(probe.TLSDetail, maxDetail)
	if detail == "" {
		detail = "its certificate wasn't checked"
	}
	p := problem{detail, fmt.Sprintf("check the SSL settings of %s in ServerPilot", f.app()), tasks.CauseCertificate}
	if probe.TLS == Unreachable {
		p.remedy = "check that the server runs and that its firewall lets HTTPS through"
	}
	ssl := f.AutoSSL
	switch {
	case probe.TLS == Refused:
		p.sentence = detail + ", so it wasn't connected to"
		p.remedy = "if that is meant to be, set PILOTSYNC_ALLOW_PRIVATE_ADDRESSES; otherwise give the name a public address"
	case !ssl.Known: // the handshake is all that is known
	case ssl.Custom:
		f.customProblem(&p, shown, detail, probe.TLS)
	default:
		f.autoSSLProblem(&p, name, detail)
	}
	p.sentence = shown + " points here, but " + p.sentence
	return p
}

// customProblem explains a failure of an app with a custom certificate.
func (f Facts) customProblem(p *problem, shown, detail string, status TLSStatus) {
	switch status {
	case WrongName:
		p.sentence = "the app's custom certificate doesn't cover it: " + detail
		p.remedy = fmt.Sprintf("install a certificate that covers %s on %s in ServerPilot, or remove the custom one so that AutoSSL can take over", shown, f.app())
	case Expired, NotYetValid, Untrusted:
		p.sentence = "browsers refuse the app's custom certificate: " + detail
		p.remedy = fmt.Sprintf("replace the custom certificate of %s in ServerPilot, or remove it so that AutoSSL can take over", f.app())
	}
}

// autoSSLProblem explains a failure of an app that gets its certificates from AutoSSL.
func (f Facts) autoSSLProblem(p *problem, name, detail string) {
	ssl := f.AutoSSL
	covered := slices.ContainsFunc(ssl.Covered, func(c string) bool { return strings.EqualFold(c, name) })
	switch {
	case !ssl.Available:
		p.sentence = "ServerPilot has no certificate ready yet; issuing usually takes 5–15 minutes after DNS points here"
		p.cause = tasks.CauseCertificatePending
	case ssl.Refused != "":
		p.sentence = "ServerPilot refused to turn AutoSSL on: " + sanitize(ssl.Refused, maxDetail)
	case !covered:
		p.sentence = fmt.Sprintf("the certificate ServerPilot has ready doesn't cover it (it covers %s)", f.covers())
	case ssl.TurnedOn:
		p.sentence = "AutoSSL was turned on only just now; " + detail
		p.cause = tasks.CauseCertificatePending
	case !ssl.On && ssl.DryRun:
		p.sentence = "AutoSSL is off, though a certificate is ready, and a dry run leaves it off; " + detail
		p.remedy = fmt.Sprintf("end the dry run (PILOTSYNC_DRY_RUN), or turn AutoSSL on for %s in ServerPilot", f.app())
	case !ssl.On:
		p.sentence = "AutoSSL is off, though a certificate is ready; " + detail
		p.remedy = fmt.Sprintf("turn AutoSSL on for %s in ServerPilot", f.app())
	}
}

func (f Facts) app() string {
	if f.App == "" {
		return "the app"
	}
	return "app " + sanitize(f.App, maxName)
}

func (f Facts) covers() string {
	if len(f.AutoSSL.Covered) == 0 {
		return "no name"
	}
	var names []string
	for _, n := range f.AutoSSL.Covered {
		names = append(names, sanitize(n, maxShownName))
	}
	return list(names, 3, "")
}
