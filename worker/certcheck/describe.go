package certcheck

import "strings"

// What was seen, in a few words each, for a domain's history.

// DescribeDNS says where the name points.
func (l Probe) DescribeDNS() string {
	var addresses []string
	for _, a := range l.Addresses {
		addresses = append(addresses, a.String())
	}
	detail := sanitize(l.DNSDetail, maxDetail)
	switch l.DNS {
	case PointsHere:
		return "points here (" + list(addresses, 3, "") + ")"
	case Elsewhere:
		return "points to " + list(addresses, 3, "")
	case NoAddress:
		if detail == "" {
			return "has no A or AAAA record"
		}
		return detail
	}
	if detail == "" {
		return "lookup failed"
	}
	return "lookup failed: " + detail
}

// DescribeTLS says what the handshake showed; nothing where none was made.
func (l Probe) DescribeTLS() string {
	switch {
	case l.TLS == Valid:
		return validUntil(l)
	case l.TLS == NotChecked || l.TLS == "":
		return ""
	case l.TLSDetail == "":
		return strings.ReplaceAll(string(l.TLS), "-", " ")
	}
	return sanitize(l.TLSDetail, maxDetail)
}

// Describe says how AutoSSL stands.
func (a AutoSSL) Describe() string {
	covered := ""
	if names := (Facts{AutoSSL: a}).covers(); len(a.Covered) > 0 {
		covered = " for " + names
	}
	switch {
	case !a.Known:
		return "ServerPilot couldn't be asked"
	case a.Custom:
		return "a custom certificate is installed"
	case a.Refused != "":
		return "ServerPilot refused to turn it on: " + sanitize(a.Refused, maxDetail)
	case a.TurnedOn:
		return "turned on just now" + covered
	case a.On:
		return "on" + covered
	case !a.Available:
		return "no certificate ready yet"
	}
	if a.DryRun {
		return "off, though a certificate is ready" + covered + "; a dry run leaves it off"
	}
	return "off, though a certificate is ready" + covered
}
