package tasks

// Cause says why a name of a domain doesn't work, for programs that put it into words
// of their own. Later releases may know more causes.
type Cause string

const (
	// CauseNotListed: ServerPilot's list lacks the name right now; a sync puts it back.
	CauseNotListed Cause = "not-listed"
	// CauseDNSMissing: the name has no address.
	CauseDNSMissing Cause = "dns-missing"
	// CauseDNSElsewhere: the name has addresses that aren't the app's.
	CauseDNSElsewhere Cause = "dns-elsewhere"
	// CauseDNSUnknown: the lookup failed, which says nothing about the name's records.
	CauseDNSUnknown Cause = "dns-unknown"
	// CauseCertificatePending: DNS is right, and ServerPilot is about to issue the certificate.
	CauseCertificatePending Cause = "certificate-pending"
	// CauseCertificate: DNS is right, but the certificate or the server isn't. The app's
	// operator can change that, and the domain's owner can't.
	CauseCertificate Cause = "certificate"
	// CauseCertificateExpiring: the domain works, but its certificate ends soon.
	CauseCertificateExpiring Cause = "certificate-expiring"
)

// Problem is what is wrong with one name of a domain.
type Problem struct {
	Name  string `json:"name"`
	Cause Cause  `json:"cause"`
	// Found are the addresses that DNS has for the name and that aren't the app's; at
	// most 10. Only with CauseDNSElsewhere.
	Found []string `json:"found,omitempty"`
	// Expected are the addresses and networks that DNS should have, at most 10; none where
	// the worker doesn't know them. Only with CauseDNSMissing and CauseDNSElsewhere.
	Expected []string `json:"expected,omitempty"`
}
