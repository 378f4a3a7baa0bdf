package simulator

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// app is the state of an app, guarded by the simulator's lock.
type app struct {
	id, serverID string
	created      time.Time
	list         []string
	auto, custom bool // AutoSSL is on; a custom certificate is installed
	force        bool // HTTP is redirected to HTTPS
	status       int  // set by SetAppStatus; 0 means none
	// pointing is since when each listed name has pointed to the server, by canonical name.
	pointing map[string]time.Time
	writes   []*Write
	reads    []*Read
}

func (s *Simulator) addApps(apps []App) error {
	for _, given := range apps {
		if given.ID == "" || s.apps[given.ID] != nil {
			return fmt.Errorf("simulator: app id %q is empty or given twice", given.ID)
		}
		if given.AutoSSL && given.CustomCertificate {
			return fmt.Errorf("simulator: app %s has both AutoSSL and a custom certificate", given.ID)
		}
		a := &app{
			id: given.ID, serverID: given.ServerID, created: time.Now(),
			list: slices.Clone(given.Domains), auto: given.AutoSSL, custom: given.CustomCertificate,
			pointing: map[string]time.Time{},
		}
		if a.serverID == "" {
			a.serverID = "server1"
		}
		s.updatePointing(a)
		if a.auto {
			for name := range a.pointing {
				a.pointing[name] = time.Time{} // long ago
			}
		}
		s.apps[a.id] = a
		s.order = append(s.order, a.id)
	}
	return nil
}

// List returns an app's current list, or nil for an unknown app.
func (s *Simulator) List(app string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.apps[app]; a != nil {
		return slices.Clone(a.list)
	}
	return nil
}

// EditByHand changes an app's list like a person in ServerPilot's control panel: immediately
// and unchecked. The history marks the write as by hand. edit must not call the simulator.
// The error is about an unknown app.
func (s *Simulator) EditByHand(app string, edit func(list []string) []string) error {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.apps[app]
	if a == nil {
		return fmt.Errorf("simulator: there is no app %q", app)
	}
	w := s.setList(a, edit(slices.Clone(a.list)), now)
	w.ByHand = true
	w.AnsweredAt = w.AppliedAt
	return nil
}

// SetAppStatus makes the API answer every call for an app with this error status: 404 for a
// deleted app, 500 for a failing one. 0 ends it.
func (s *Simulator) SetAppStatus(app string, status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.apps[app]; a != nil {
		a.status = status
	}
}

// SetAPIKey replaces an account's key. The API then refuses the old key with 401. The error
// is about an unknown client id.
func (s *Simulator) SetAPIKey(clientID, key string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.opt.Accounts {
		if s.opt.Accounts[i].ClientID == clientID {
			s.opt.Accounts[i].APIKey = key
			return nil
		}
	}
	return fmt.Errorf("simulator: there is no account %q", clientID)
}

// SetAccountStatus makes the API answer every call with this error status, such as 401 for a
// revoked key or 402 for an unpaid account. 0 ends it.
func (s *Simulator) SetAccountStatus(status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.accountStatus = status
}

// Disconnect makes all servers appear not connected to ServerPilot since a time. The zero
// time connects them.
func (s *Simulator) Disconnect(since time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lastConn = since
}

// setList replaces an app's list and records it. It is called with the lock held.
func (s *Simulator) setList(a *app, list []string, received time.Time) *Write {
	w := &Write{
		App: a.id, Index: len(a.writes), Before: a.list, After: slices.Clone(list),
		ReceivedAt: received, AppliedAt: time.Now(),
	}
	a.list = w.After // never changed in place
	a.writes = append(a.writes, w)
	s.updatePointing(a)
	return w
}

// updatePointing updates since when the listed names point to the server. It is called with
// the lock held, after each change of the list or of a behaviour.
func (s *Simulator) updatePointing(a *app) {
	listed := make(map[string]time.Time, len(a.list))
	for _, name := range a.list {
		name = canonical(name)
		if !slices.Contains(s.resolve(name).addresses, s.opt.ServerAddress) {
			continue
		}
		since, known := a.pointing[name]
		if !known {
			since = s.opt.Now()
		}
		listed[name] = since
	}
	a.pointing = listed
}

// certified returns the listed names, in order, for which AutoSSL has a
// certificate. It is called with the lock held.
func (s *Simulator) certified(a *app) []string {
	var names []string
	for _, name := range a.list {
		name = canonical(name)
		if s.hasCertificate(a, name) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

func (s *Simulator) hasCertificate(a *app, name string) bool {
	since, pointing := a.pointing[name]
	b := s.behaviour(name)
	// Let's Encrypt can't certify wildcards over HTTP.
	return pointing && !b.NoCert && !strings.HasPrefix(name, "*.") && s.opt.Now().Sub(since) >= s.certDelay(b)
}

// hasValidCertificate reports whether the web servers have a valid certificate for a name.
func (s *Simulator) hasValidCertificate(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.apps {
		if a.custom && slices.ContainsFunc(a.list, func(l string) bool { return canonical(l) == name }) {
			return true
		}
		if a.auto && s.hasCertificate(a, name) {
			return true
		}
	}
	return false
}
