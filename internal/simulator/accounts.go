package simulator

import (
	"fmt"
	"net/http"
	"slices"
)

// accountOf returns the account whose credentials a request has, or nil.
func (s *Simulator) accountOf(r *http.Request) *Account {
	id, key, _ := r.BasicAuth()
	for i, account := range s.opt.Accounts {
		if account.ClientID == id && account.APIKey == key {
			return &s.opt.Accounts[i]
		}
	}
	return nil
}

// hasAll reports whether the account has everything that the simulator has.
func (a *Account) hasAll() bool { return a.Apps == nil }

func (a *Account) hasApp(app *app) bool {
	return a.hasAll() || app.owner == a.ClientID || slices.Contains(a.Apps, app.id)
}

// hasServer: an account has the servers of its apps, and those that it created. A server's
// system users are the server's.
func (s *Simulator) hasServer(a *Account, srv *server) bool {
	if a.hasAll() || srv.owner == a.ClientID {
		return true
	}
	for app := range s.apps.all() {
		if app.serverID == srv.id && a.hasApp(app) {
			return true
		}
	}
	return false
}

// SetAppStatus makes the API answer every call for an app with this error status. It is 404 for a
// deleted app, and 500 for a failing one; 0 ends it.
func (s *Simulator) SetAppStatus(app string, status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.apps.get(app); a != nil {
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

// SetAccountStatus makes the API answer every call with this error status. It is 401 for a revoked
// key, and 402 for an unpaid account; 0 ends it.
func (s *Simulator) SetAccountStatus(status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.accountStatus = status
}
