package certcheck

import (
	"net/netip"
	"unicode/utf8"

	"pilotsync/tasks"
)

// AutoSSL is what ServerPilot's API says about an app's certificate.
type AutoSSL struct {
	// Known: the API answered. Otherwise the other fields mean nothing.
	Known bool
	// On: AutoSSL is on. Available: a certificate is ready (autossl.available).
	// Custom: a custom certificate is installed, which pilotsync must not replace.
	On, Available, Custom bool
	// Covered are the names on the certificate that is ready (autossl.domains).
	Covered []string
	// TurnedOn: this verification turned AutoSSL on. Refused is ServerPilot's message
	// if it didn't allow that.
	TurnedOn bool
	Refused  string
	// DryRun: AutoSSL stays off, since the worker is in a dry run.
	DryRun bool
}

// Facts is what a verification collected about a domain.
type Facts struct {
	Domain string
	// Names are the domain itself and its www form where it has one.
	Names []string
	// Probes holds a probe of each name. A name without one counts as Unknown.
	Probes  map[string]Probe
	AutoSSL AutoSSL
	// OffList are those of Names that aren't on ServerPilot's list, and Repair is a clause
	// about how they get back on it. They aren't probed. If Domain is one of them, no
	// name is.
	OffList  []string
	Repair   string
	Expected []netip.Prefix
	// Attempt counts from 1; the attempt numbered Limit is the last.
	Attempt, Limit int
	// SeenPointing: an earlier attempt saw DNS pointing here.
	SeenPointing bool
	App          string
}

// Verdict is the result of an evaluation.
type Verdict struct {
	State tasks.State
	// Reason is one or two plain sentences for an agency's support person:
	// never empty, at most 800 characters, no control characters.
	Reason string
	// Problems say the same to programs, for every name.
	Problems []tasks.Problem
	// Final: the verification ends here.
	Final bool
	// SeenPointing: DNS pointed here in this attempt or before.
	SeenPointing bool
}

// recheckSentence ends the reason of a failed verification: it says how to start another
// one. It contains the domain's name, so the command can be pasted.
func recheckSentence(domain string) string {
	return ", then have it verified again (on its page, or: pilotsync verify " + domain + ")."
}

// Evaluate decides a domain's state. If the domain isn't on the list, that is the cause
// of every failure. The domain itself decides; a www form that fails is only a warning in
// the reason. A domain whose handshake succeeds is done, whatever AutoSSL says. Attempts
// continue until the domain is done or the limit is reached. Wildcards aren't verified:
// ServerPilot can't get a certificate for them.
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
	sentence := p.sentence
	if here {
		// A www form that points elsewhere can hold up the certificate of both names.
		// While the domain's own DNS is wrong, that alone is enough to report.
		sentence += f.warnings(true)
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
	remedy := ""
	if v.Final {
		remedy = ". Next: " + p.remedy + recheckSentence(f.Domain)
	}
	v.Reason = reason(sentence, remedy)
	return v
}

// noAnswer reports whether DNS gave no usable answer, or the name wasn't probed.
func noAnswer(p Probe) bool {
	return p.DNS != PointsHere && p.DNS != Elsewhere && p.DNS != NoAddress
}

// warnings says what is wrong with the names besides the domain; with dnsOnly set it
// leaves out those that only lack a certificate.
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

func validUntil(p Probe) string {
	s := "certificate valid"
	if !p.NotAfter.IsZero() {
		s += " until " + date(p.NotAfter)
	}
	if p.Issuer != "" {
		s += " (" + sanitize(p.Issuer, maxName) + ")"
	}
	return s
}

// reason joins the two parts; the remedy is never cut off.
func reason(sentence, remedy string) string {
	return sanitize(sentence, maxReason-utf8.RuneCountInString(remedy)) + remedy
}
