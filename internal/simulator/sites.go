package simulator

import (
	"crypto/tls"
	"strings"
)

// siteOf returns the app that gets a name's requests, or nil. Its list has the name, or the domain
// of which the name is the www form; otherwise the nearest wildcard. Of several apps it is the one
// whose name comes first in the alphabet. It is called with the lock held.
func (s *Simulator) siteOf(name string) *app {
	rest := name
	for level := 0; ; level++ {
		candidates := []string{name, domainOf(name)}
		if level > 0 {
			candidates = []string{"*." + rest}
		}
		var first *app
		for a := range s.apps.all() {
			for _, candidate := range candidates {
				if a.listed[candidate] && (first == nil || a.name < first.name) {
					first = a
				}
			}
		}
		if first != nil {
			return first
		}
		var below bool
		if _, rest, below = strings.Cut(rest, "."); !below {
			return nil
		}
	}
}

// served returns the certificate that the web servers show for a name. It is a valid one only if
// the name's app has SSL, and a certificate that covers the name.
func (s *Simulator) served(name string) (*tls.Certificate, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.siteOf(name)
	switch {
	case a == nil, a.custom == nil && !a.auto, a.custom != nil && a.custom.pair == nil && !a.listed[name]:
		return s.authority.defaultCert, nil
	case a.custom != nil && a.custom.pair != nil:
		return a.custom.pair, nil
	case a.custom != nil:
		return s.authority.leaf(name)
	}
	s.reissue(a)
	for _, c := range a.certificates {
		if c.covers(name) {
			return s.leafOf(c)
		}
	}
	if len(a.certificates) > 0 {
		return s.leafOf(a.certificates[0])
	}
	return s.authority.defaultCert, nil
}
