package simulator

import (
	"crypto/tls"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// maxCertificateNames is how many names Let's Encrypt puts on a certificate
// (letsencrypt.org/docs/rate-limits).
const maxCertificateNames = 100

// issued is a certificate that AutoSSL has for an app.
type issued struct {
	names []string  // canonical, in the list's order
	at    time.Time // by Options.Now

	leaf      *tls.Certificate // made when a client first sees it
	notBefore time.Time        // of the leaf
}

// end is when the certificate ends, by Options.Now.
func (s *Simulator) end(c *issued) time.Time { return c.at.Add(s.opt.CertLifetime - backdated) }

// renewal is when AutoSSL replaces the certificate: with a third of its lifetime left.
func (s *Simulator) renewal(c *issued) time.Time { return s.end(c).Add(-s.opt.CertLifetime / 3) }

// covers reports whether the certificate is for a name.
func (c *issued) covers(name string) bool { return slices.Contains(c.names, name) }

// updatePointing updates which names are listed, and since when each points to the server. It is
// called with the lock held, after each change of the list or of a behaviour.
func (s *Simulator) updatePointing(a *app) {
	a.listed = make(map[string]bool, len(a.list))
	pointing := make(map[string]time.Time, len(a.list))
	for _, name := range a.list {
		name = canonical(name)
		a.listed[name] = true
		if !slices.Contains(s.resolve(name).addresses, s.opt.ServerAddress) {
			continue
		}
		since, known := a.pointing[name]
		if !known {
			since = s.opt.Now()
		}
		pointing[name] = since
	}
	a.pointing = pointing
}

// certifiable returns the listed names, in order and once each, that a certificate could be for
// by now.
func (s *Simulator) certifiable(a *app) []string {
	var names []string
	seen := make(map[string]bool, len(a.list))
	for _, name := range a.list {
		name = canonical(name)
		if since, pointing := a.pointing[name]; pointing && !seen[name] && s.canCertify(name, since) {
			names = append(names, name)
		}
		seen[name] = true
	}
	return names
}

// canCertify reports whether AutoSSL gets certificates for a name that has pointed here since a
// time. Let's Encrypt certifies no wildcard over HTTP, and ServerPilot asks for no address.
func (s *Simulator) canCertify(name string, since time.Time) bool {
	b := s.behaviour(name)
	if b.NoCert || strings.HasPrefix(name, "*.") || s.opt.Now().Sub(since) < s.certDelay(b) {
		return false
	}
	_, err := netip.ParseAddr(name)
	return err != nil
}

// reissue gets the certificates for an app's list as it is: for each hundred names one, or one
// for the first hundred. It replaces those that are for other names, or due. Nothing needs
// certificates before a call or a handshake asks for them, so they are issued then. It is called
// with the lock held.
func (s *Simulator) reissue(a *app) {
	now := s.opt.Now()
	var current []*issued
	limited := false
	for names := range slices.Chunk(s.certifiable(a), maxCertificateNames) {
		if len(current) > 0 && s.opt.Undocumented.OneCertificate {
			break
		}
		var c *issued
		if i := slices.IndexFunc(a.certificates, func(c *issued) bool { return slices.Equal(c.names, names) }); i >= 0 {
			c = a.certificates[i]
		}
		if c == nil || !now.Before(s.renewal(c)) {
			if s.opt.RateLimits && !s.orders.allow(names, c != nil, now) {
				limited = true
			} else {
				c = &issued{names: names, at: now}
			}
		}
		if c != nil {
			current = append(current, c)
		}
	}
	if limited { // the earlier ones stay in use
		for _, c := range a.certificates {
			if !slices.Contains(current, c) && now.Before(s.end(c)) {
				current = append(current, c)
			}
		}
	}
	a.certificates = current
}

// covered returns the names on the certificates that AutoSSL has for an app, in the list's
// order. It is called with the lock held.
func (s *Simulator) covered(a *app) []string {
	s.reissue(a)
	var names []string
	for _, c := range a.certificates {
		for _, name := range c.names {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// leafOf returns the certificate as clients see it. It is as old as by Options.Now, counted from
// the machine's time, so that clients with a real clock accept it. It is called with the lock
// held.
func (s *Simulator) leafOf(c *issued) (*tls.Certificate, error) {
	notBefore := time.Now().Add(-s.opt.Now().Sub(c.at) - backdated)
	if c.leaf != nil && c.notBefore.Sub(notBefore).Abs() < time.Minute {
		return c.leaf, nil
	}
	leaf, err := s.authority.certify(c.names, notBefore, notBefore.Add(s.opt.CertLifetime))
	if err != nil {
		return nil, err
	}
	c.leaf, c.notBefore = leaf, notBefore
	return leaf, nil
}
