package certcheck

import (
	"slices"
	"strings"
)

// AutoSSL is what ServerPilot's API says about an app's certificate.
type AutoSSL struct {
	// Known: the API answered. Otherwise the other fields mean nothing.
	Known bool
	// On: AutoSSL is on. Available: a certificate is ready (autossl.available).
	// Custom: a custom certificate is installed, which pilotsync must not replace.
	On, Available, Custom bool
	// NotReported: the answer has nothing about the certificate that is ready, so neither
	// Available nor Covered is known.
	NotReported bool
	// Covered are the names on the certificate that is ready (autossl.domains).
	Covered []string
	// TurnedOn: this verification turned AutoSSL on. Refused is ServerPilot's message
	// if it didn't allow that, and Failure says why there was no answer, or none that decides.
	TurnedOn         bool
	Refusal, Failure string
	// KeepOff: pilotsync never turns AutoSSL on (PILOTSYNC_AUTOSSL=off). The setting is known
	// even if the API didn't answer.
	KeepOff bool
	// DryRun: AutoSSL stays off, since the worker is in a dry run.
	DryRun bool
}

// ownCertificates reports whether the app has certificates of its own, so that Let's Encrypt's
// rules don't matter.
func (a AutoSSL) ownCertificates() bool {
	return a.Custom || a.KeepOff && !a.On
}

// CanEnable reports whether a verification should turn AutoSSL on: the settings let it, and
// ServerPilot is likely to accept it.
func (a AutoSSL) CanEnable() bool {
	return a.Known && !a.On && !a.Custom && a.Available && !a.KeepOff
}

// covers reports whether the certificate that is ready is for the name.
func (a AutoSSL) covers(name string) bool {
	return slices.ContainsFunc(a.Covered, func(c string) bool { return strings.EqualFold(c, name) })
}

// Status says in a few words how AutoSSL stands, for a domain's history; empty if it is on, or
// waits for its certificate.
func (a AutoSSL) Status() string {
	switch {
	case !a.Known:
		return "unknown"
	case a.Custom:
		return "custom certificate"
	case a.Refusal != "":
		return "refused"
	case a.Failure != "":
		return "not turned on yet"
	case a.TurnedOn:
		return "turned on"
	case a.On:
		return ""
	case a.NotReported:
		return "off, and nothing is known of a certificate"
	case !a.Available:
		return ""
	case a.DryRun:
		return "off, and a dry run leaves it off"
	}
	return "off"
}
