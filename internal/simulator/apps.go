package simulator

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// app is the state of an app, guarded by the simulator's lock.
type app struct {
	id, name, runtime   string
	serverID, sysUserID string
	owner               string // the client id that created it; empty if it was there from the start
	created             time.Time
	list                []string
	auto                bool            // AutoSSL is on
	custom              *custom         // nil if no custom certificate is installed
	force               bool            // HTTP is redirected to HTTPS
	status              int             // set by SetAppStatus; 0 means none
	listed              map[string]bool // the list's names, canonical
	// pointing is since when each listed name has pointed to the server, by canonical name.
	pointing     map[string]time.Time
	certificates []*issued // that AutoSSL has
	writes       []*Write
	reads        []*Read
}

func (s *Simulator) addApps(apps []App) error {
	for _, given := range apps {
		if given.ID == "" || s.apps.get(given.ID) != nil {
			return fmt.Errorf("simulator: app id %q is empty or given twice", given.ID)
		}
		if given.AutoSSL && given.CustomCertificate {
			return fmt.Errorf("simulator: app %s has both AutoSSL and a custom certificate", given.ID)
		}
		srv := s.ensureServer(cmp.Or(given.ServerID, "server1"))
		a := &app{
			id: given.ID, name: nameOf(given.ID), runtime: s.opt.Runtimes[len(s.opt.Runtimes)-1],
			serverID: srv.id, sysUserID: srv.sysUserID, created: time.Now(),
			list: slices.Clone(given.Domains), auto: given.AutoSSL, status: given.Status,
		}
		if given.CustomCertificate {
			a.custom = &custom{key: markedKey, cert: string(s.authority.pem)}
		}
		s.updatePointing(a)
		if a.auto {
			for name := range a.pointing {
				a.pointing[name] = time.Time{} // long ago
			}
		}
		s.apps.add(a.id, a)
	}
	return nil
}

// nameOf is the name of an app with an id: 3 to 30 lower case letters and digits.
func nameOf(id string) string {
	name := "app" + strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, strings.ToLower(id))
	return name[:min(len(name), 30)]
}

// List returns an app's current list, or nil for an unknown app.
func (s *Simulator) List(app string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.apps.get(app); a != nil {
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
	a := s.apps.get(app)
	if a == nil {
		return fmt.Errorf("simulator: there is no app %q", app)
	}
	w := s.setList(a, edit(slices.Clone(a.list)), now)
	w.ByHand = true
	w.AnsweredAt = w.AppliedAt
	return nil
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
