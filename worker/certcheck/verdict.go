package certcheck

import (
	"net/netip"
	"unicode/utf8"

	"pilotsync/tasks"
)

// AutoSSL is what ServerPilot's API says about an app's certificate.
type AutoSSL struct {
	// Known is false where the API couldn't be asked; the rest says nothing then.
	Known bool
	// On: AutoSSL is on. Available: a certificate is ready (autossl.available).
	// Custom: a certificate that we must not touch is installed.
	On, Available, Custom bool
	// Covered are the names on the certificate that is ready (autossl.domains).
	Covered []string
	// TurnedOn: we turned AutoSSL on just now. Refused is ServerPilot's message
	// where it wouldn't let us.
	TurnedOn bool
	Refused  string
	// DryRun: it stays off, since the worker writes nothing.
	DryRun bool
}

// Facts is everything a verification found out about a domain.
type Facts struct {
	Domain string
	// Names are the domain itself and its www form where it has one.
	Names []string
	// Probes holds a probe of each name. A name without one counts as Unknown.
	Probes  map[string]Probe
	AutoSSL AutoSSL
	// OffList are those of Names that ServerPilot's list lacks, and Repair is a clause
	// about how they come back. Names that aren't on the list aren't probed, and if
	// Domain is one, none is.
	OffList  []string
	Repair   string
	Expected []netip.Prefix
	// Attempt counts from 1; at Limit it is the last.
	Attempt, Limit int
	// SeenPointing: an earlier attempt saw DNS pointing here.
	SeenPointing bool
	App          string
}

// Verdict is what follows from the facts.
type Verdict struct {
	State tasks.State
	// Reason is one or two plain sentences for an agency's support person:
	// never empty, at most 800 characters, no control characters.
	Reason string
	// Problems are the same for programs, of all names.
	Problems []tasks.Problem
	// Final: the verification ends here.
	Final bool
	// SeenPointing: DNS pointed here in this attempt or before.
	SeenPointing bool
}

// recheckSentence is the end of a reason whose verification ended: how to get another one.
// It holds the domain's name, so the command can be pasted.
func recheckSentence(domain string) string {
	return ", then have it verified again (on its page, or: pilotsync verify " + domain + ")."
}

// Evaluate decides a domain's state. Where the domain isn't on the list, that is the cause
// of whatever doesn't work. The domain itself decides; a www form that
// fails is only a warning in the reason. The handshake is the truth: a good
// domain is done whatever AutoSSL says. Attempts continue until the domain is done
// or the limit is reached. A wildcard isn't for here: nothing can certify it.
func Evaluate(f Facts) Verdict {
	probe := f.Probes[f.Domain]
	here := probe.DNS == PointsHere
	v := Verdict{SeenPointing: here || f.SeenPointing, Problems: f.problems()}
	if probe.Good() {
		v.State, v.Final = tasks.Done, true
		v.Reason = reason(validUntil(probe)+f.warnings(false), "")
		return v
	}

	p := f.problem(f.Domain)
	what := p.sentence
	if here {
		// A www form that DNS sends elsewhere can hold up a certificate for both.
		// While the domain's own DNS is wrong, that is enough to tell.
		what += f.warnings(true)
	}
	v.Final = f.Attempt >= f.Limit
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
	next := ""
	if v.Final {
		next = ". Next: " + p.remedy + recheckSentence(f.Domain)
	}
	v.Reason = reason(what, next)
	return v
}

// noAnswer reports whether DNS said neither yes nor no.
func noAnswer(l Probe) bool {
	return l.DNS != PointsHere && l.DNS != Elsewhere && l.DNS != NoAddress
}

// warnings tells what is wrong with the names besides the domain; with dnsOnly
// set it leaves out those that only lack a certificate.
func (f Facts) warnings(dnsOnly bool) string {
	var s string
	for _, name := range f.Names {
		probe := f.Probes[name]
		if name == f.Domain || probe.Good() || dnsOnly && probe.DNS == PointsHere {
			continue
		}
		s += "; warning: " + f.problem(name).sentence
	}
	return s
}

func validUntil(l Probe) string {
	s := "certificate valid"
	if !l.NotAfter.IsZero() {
		s += " until " + date(l.NotAfter)
	}
	if l.Issuer != "" {
		s += " (" + sanitize(l.Issuer, maxName) + ")"
	}
	return s
}

// reason puts the two parts together; what to do next is never cut off.
func reason(what, next string) string {
	return sanitize(what, maxReason-utf8.RuneCountInString(next)) + next
}
