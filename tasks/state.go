package tasks

// State is where a domain stands. The names are those of Ultimate Multisite's
// domain stages wherever it has one, so that a webhook needs no translation.
type State string

const (
	// Pending: a change was requested and isn't on ServerPilot's list yet.
	Pending State = "pending"
	// CheckingDNS: listed; DNS was not seen pointing at the app's server yet.
	CheckingDNS State = "checking-dns"
	// CheckingSSL: listed, DNS points here, no valid certificate seen yet.
	CheckingSSL State = "checking-ssl-cert"
	// Done: listed, DNS points here and the certificate is valid.
	Done State = "done"
	// DoneWithoutSSL: listed, and no certificate came within the attempts.
	DoneWithoutSSL State = "done-without-ssl"
	// Failed: listed, but DNS never pointed here within the attempts.
	Failed State = "failed"
	// Rejected: refused by ServerPilot or by our own check; not put on the list by us.
	Rejected State = "rejected"
	// Removed: taken off the list.
	Removed State = "removed"
)

// States lists every state in the order a domain passes through them.
func States() []State {
	return []State{Pending, CheckingDNS, CheckingSSL, Done, DoneWithoutSSL, Failed, Rejected, Removed}
}

// Valid reports whether s is one of [States].
func (s State) Valid() bool {
	for _, known := range States() {
		if s == known {
			return true
		}
	}
	return false
}

// Listed reports whether a domain in this state is on ServerPilot's list.
func (s State) Listed() bool {
	switch s {
	case CheckingDNS, CheckingSSL, Done, DoneWithoutSSL, Failed:
		return true
	}
	return false
}

// Checking reports whether the domain is listed and its verification goes on.
func (s State) Checking() bool { return s == CheckingDNS || s == CheckingSSL }

// Final reports whether nothing more happens to the domain without a new request.
func (s State) Final() bool { return s.Valid() && s != Pending && !s.Checking() }
