package tasks

// Cause is why a name of a domain doesn't work, for programs that have their own texts.
// Later releases may add causes.
type Cause string

const (
	// CauseNotListed: ServerPilot's list lacks the name at the moment; a sync restores it.
	CauseNotListed Cause = "not-listed"
	// CauseDNSMissing: the name has no address.
	CauseDNSMissing Cause = "dns-missing"
	// CauseDNSElsewhere: the name has addresses that aren't the app's.
	CauseDNSElsewhere Cause = "dns-elsewhere"
	// CauseDNSUnknown: the lookup failed, so nothing is known about the name's records.
	CauseDNSUnknown Cause = "dns-unknown"
	// CauseCertificatePending: DNS is right, and ServerPilot will issue the certificate.
	CauseCertificatePending Cause = "certificate-pending"
	// CauseCertificate: DNS is right, but the certificate or the server is wrong. The
	// app's operator can fix that; the domain's owner can't.
	CauseCertificate Cause = "certificate"
	// CauseCertificateExpiring: the domain works, but its certificate expires soon.
	CauseCertificateExpiring Cause = "certificate-expiring"
)

// Problem describes why one name of a domain doesn't work.
type Problem struct {
	Name  string `json:"name"`
	Cause Cause  `json:"cause"`
	// Found lists at most 10 addresses of the name in DNS that aren't the app's. Only with
	// CauseDNSElsewhere.
	Found []string `json:"found,omitempty"`
	// Expected lists at most 10 addresses and networks that DNS should have; empty if the
	// worker doesn't know them. Only with CauseDNSMissing and CauseDNSElsewhere.
	Expected []string `json:"expected,omitempty"`
}
