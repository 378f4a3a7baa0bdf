package certcheck

import (
	"context"
	"fmt"
	"strings"

	"github.com/miekg/dns"

	"pilotsync/tasks"
)

// letsEncrypt is how CAA records name Let's Encrypt.
const letsEncrypt = "letsencrypt.org"

// CAAStatus says whether CAA records let Let's Encrypt issue a certificate.
type CAAStatus string

const (
	// CAAAllows: there are no records, they allow it, or they weren't looked up, since the
	// name works or something else must be repaired first.
	CAAAllows CAAStatus = ""
	// CAAForbids: the records forbid it.
	CAAForbids CAAStatus = "forbids"
	// CAACritical: a record has a critical property that Let's Encrypt doesn't know.
	CAACritical CAAStatus = "critical"
	// CAAUnknown: the resolver fails (SERVFAIL) twice, which stops Let's Encrypt as well.
	CAAUnknown CAAStatus = "unknown"
)

// CAA is what the CAA records (RFC 8659) say that apply to a name.
type CAA struct {
	Status CAAStatus
	// Record is the domain whose records decide, and Issuers are the authorities that they
	// allow, at most [tasks.MaxParamItems]. Detail is the critical property in quotes, or a
	// clause about the resolver's failure. All are empty if Status is CAAAllows.
	Record  string
	Issuers []string
	Detail  string
}

// lookUpCAA reads the records of a name, or else of the nearest parent that has some. The
// resolver follows aliases. Failures other than SERVFAIL, such as a timeout or a resolver that
// doesn't know the type, say nothing of Let's Encrypt's resolver: they forbid nothing.
func (c *Checker) lookUpCAA(ctx context.Context, name string) CAA {
	for owner := name; owner != ""; _, owner, _ = strings.Cut(owner, ".") {
		reply, err := c.query(ctx, owner, dns.TypeCAA, false)
		if err == nil && reply.Rcode == dns.RcodeServerFailure {
			reply, err = c.query(ctx, owner, dns.TypeCAA, false)
		}
		switch {
		case err != nil:
			return CAA{Status: CAAAllows}
		case reply.Rcode == dns.RcodeServerFailure:
			return CAA{Status: CAAUnknown, Detail: "the resolver answers SERVFAIL"}
		case reply.Rcode != dns.RcodeSuccess && reply.Rcode != dns.RcodeNameError:
			return CAA{Status: CAAAllows}
		}
		var records []*dns.CAA
		for _, rr := range reply.Answer {
			if record, ok := rr.(*dns.CAA); ok {
				records = append(records, record)
			}
		}
		if len(records) > 0 {
			return evaluateCAA(records)
		}
	}
	return CAA{Status: CAAAllows}
}

// evaluateCAA decides by a set of records as Let's Encrypt does for a name that isn't a
// wildcard. Without an issue record every authority may issue.
func evaluateCAA(records []*dns.CAA) CAA {
	result := CAA{Status: CAAAllows, Record: sanitize(strings.TrimSuffix(records[0].Hdr.Name, "."), maxName)}
	var restricted, allowed bool
	for _, record := range records {
		switch tag := strings.ToLower(record.Tag); tag {
		case "issue":
			restricted = true
			allowed = allowed || allowsLetsEncrypt(record.Value)
			if issuer := strings.TrimSpace(record.Value); issuer != "" && issuer != ";" && len(result.Issuers) < tasks.MaxParamItems {
				result.Issuers = append(result.Issuers, sanitize(issuer, maxShownName))
			}
		case "issuewild", "iodef", "issuemail":
		default:
			// The critical bit is 128. Let's Encrypt takes 1 for it as well, a common mistake.
			if record.Flag&(128|1) != 0 && result.Detail == "" {
				result.Detail = fmt.Sprintf("%q", sanitize(tag, maxShownName))
			}
		}
	}
	switch {
	case result.Detail != "":
		result.Status = CAACritical
	case allowed || !restricted:
		return CAA{Status: CAAAllows}
	default:
		result.Status = CAAForbids
	}
	return result
}

// allowsLetsEncrypt reports whether the value of an issue property names Let's Encrypt and
// allows the method that ServerPilot uses (RFC 8657).
func allowsLetsEncrypt(value string) bool {
	issuer, parameters, _ := strings.Cut(value, ";")
	if !strings.EqualFold(strings.TrimSpace(issuer), letsEncrypt) {
		return false
	}
	for parameter := range strings.SplitSeq(parameters, ";") {
		tag, methods, _ := strings.Cut(strings.TrimSpace(parameter), "=")
		if strings.EqualFold(tag, "validationmethods") && !strings.Contains(","+methods+",", ",http-01,") {
			return false
		}
	}
	return true
}
