package certcheck

import "strings"

// Short descriptions of a probe and of AutoSSL, for a domain's history.

// DescribeDNS says where the name points.
func (p Probe) DescribeDNS() string {
	var addresses []string
	for _, a := range p.Addresses {
		addresses = append(addresses, a.String())
	}
	detail := sanitize(p.DNSDetail, maxDetail)
	switch p.DNS {
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

// DescribeTLS says how the handshake went; "" if there was none.
func (p Probe) DescribeTLS() string {
	switch {
	case p.TLS == Valid:
		return validUntil(p)
	case p.TLS == NotChecked || p.TLS == "":
		return ""
	case p.TLSDetail == "":
		return strings.ReplaceAll(string(p.TLS), "-", " ")
	}
	return sanitize(p.TLSDetail, maxDetail)
}

// Describe says what state AutoSSL is in.
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
