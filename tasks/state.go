package tasks

// State is the state of a domain. Those from checking-dns to failed have the names of
// Ultimate Multisite's domain stages; docs/wordpress.md has the stage of each state.
type State string

const (
	// Pending: a requested change hasn't reached ServerPilot's list yet.
	Pending State = "pending"
	// CheckingDNS: listed; the domain doesn't point to the app's server yet, or no more.
	CheckingDNS State = "checking-dns"
	// CheckingSSL: listed, DNS points to the server; no valid certificate was seen yet.
	CheckingSSL State = "checking-ssl-cert"
	// Done: listed, DNS points to the server or to a proxy before it, and the certificate
	// that visitors see is valid.
	Done State = "done"
	// DoneWithoutSSL: listed, but all attempts ended without a valid certificate. A listed
	// wildcard has this state at once: it can't be checked.
	DoneWithoutSSL State = "done-without-ssl"
	// Failed: listed, but DNS didn't point to the server in any attempt.
	Failed State = "failed"
	// Rejected: refused by ServerPilot or by pilotsync; pilotsync didn't add it.
	Rejected State = "rejected"
	// Removed: removed from the list.
	Removed State = "removed"
)

// States returns all states, in the order in which a domain goes through them.
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

// Checking reports whether the domain is listed and its verification isn't finished.
func (s State) Checking() bool { return s == CheckingDNS || s == CheckingSSL }

// Final reports whether the domain's last request or verification has ended. Later rechecks
// of a listed domain may still change its state.
func (s State) Final() bool { return s.Valid() && s != Pending && !s.Checking() }
