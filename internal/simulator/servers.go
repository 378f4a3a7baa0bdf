package simulator

import (
	"cmp"
	"crypto/rand"
	"net/http"
	"net/netip"
	"slices"
	"time"
)

// server is the state of a server.
type server struct {
	id, name, plan string
	owner          string // the client id that created it; empty if it was there from the start
	address        netip.Addr
	created        time.Time
	sysUserID      string // the system user that each server has from the start
	// connected: it has been connected to ServerPilot. A server that was only created isn't.
	connected bool

	firewall, autoUpdates, denyUnknown bool
}

// addServer adds a server with the system user that each has.
func (s *Simulator) addServer(srv *server) {
	srv.firewall, srv.autoUpdates, srv.created = true, true, time.Now()
	s.servers.add(srv.id, srv)
	srv.sysUserID = newID()
	s.sysUsers.add(srv.sysUserID, &sysUser{id: srv.sysUserID, name: defaultSysUser, serverID: srv.id, created: srv.created})
}

// ensureServer returns a server that is there from the start, and adds it if it isn't yet.
func (s *Simulator) ensureServer(id string) *server {
	srv := s.servers.get(id)
	if srv == nil {
		srv = &server{id: id, name: id, plan: "business", address: s.opt.ServerAddress, connected: true}
		s.addServer(srv)
	}
	return srv
}

// Disconnect makes all servers appear not connected to ServerPilot since a time. Their actions
// then stay open. The zero time connects them.
func (s *Simulator) Disconnect(since time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lastConn = since
}

// isConnected reports whether a server carries out what it is told.
func (s *Simulator) isConnected(srv *server) bool { return srv.connected && s.lastConn.IsZero() }

func (s *Simulator) viewServer(srv *server) map[string]any {
	view := map[string]any{
		"id": srv.id, "name": srv.name, "plan": srv.plan, "autoupdates": srv.autoUpdates, "firewall": srv.firewall,
		"deny_unknown_domains": srv.denyUnknown, "available_runtimes": s.opt.Runtimes,
		"lastaddress": nil, "lastconn": nil, "datecreated": srv.created.Unix(),
	}
	if srv.connected {
		lastConn := s.lastConn
		if lastConn.IsZero() {
			lastConn = time.Now()
		}
		view["lastaddress"], view["lastconn"] = srv.address, lastConn.Unix()
	}
	return view
}

func (s *Simulator) listServers(x *exchange) response {
	return response{data: s.servers.views(func(srv *server) map[string]any {
		if !s.hasServer(x.account, srv) {
			return nil
		}
		return s.viewServer(srv)
	})}
}

// visibleServer returns a server of an account, or nil.
func (s *Simulator) visibleServer(a *Account, id string) *server {
	if srv := s.servers.get(id); srv != nil && s.hasServer(a, srv) {
		return srv
	}
	return nil
}

// optionalPlan reads the plan that a server is to have.
func optionalPlan(a arguments, plan *string) error {
	if err := optional(a, "plan", plan); err != nil {
		return err
	}
	if !slices.Contains([]string{"economy", "business", "first_class"}, *plan) {
		return invalid("plan", "plan %q must be economy, business or first_class", *plan)
	}
	return nil
}

func (s *Simulator) createServer(x *exchange) response {
	srv := &server{id: newID(), owner: x.account.ClientID, plan: "economy", denyUnknown: true}
	var sshPasswords bool
	if err := cmp.Or(
		requiredText(x.given, "name", &srv.name, serverName),
		optionalPlan(x.given, &srv.plan),
		optional(x.given, "enable_ssh_password_auth", &sshPasswords),
	); err != nil {
		return s.badRequest(err)
	}
	for other := range s.servers.all() {
		if other.name == srv.name && s.hasServer(x.account, other) {
			return errorResponse(http.StatusConflict, "There is a server with the name %q.", srv.name)
		}
	}
	s.addServer(srv)
	view := s.viewServer(srv)
	view["apikey"] = rand.Text() // with which the server connects; in this answer only
	return s.answerWithAction(srv.id, view)
}

func (s *Simulator) readServer(x *exchange) response {
	srv := s.visibleServer(x.account, x.id)
	if srv == nil {
		return notFound("Server", x.id)
	}
	return response{data: s.viewServer(srv)}
}

func (s *Simulator) updateServer(x *exchange) response {
	srv := s.visibleServer(x.account, x.id)
	if srv == nil {
		return notFound("Server", x.id)
	}
	changed := *srv
	if err := cmp.Or(
		optionalPlan(x.given, &changed.plan),
		optional(x.given, "firewall", &changed.firewall),
		optional(x.given, "autoupdates", &changed.autoUpdates),
		optional(x.given, "deny_unknown_domains", &changed.denyUnknown),
	); err != nil {
		return s.badRequest(err)
	}
	if *srv == changed {
		return response{data: s.viewServer(srv)}
	}
	*srv = changed
	return s.answerWithAction(srv.id, s.viewServer(srv))
}

// deleteServer removes a server from ServerPilot, with all that ServerPilot has on it. The
// server itself has nothing to do, so there is no action.
func (s *Simulator) deleteServer(x *exchange) response {
	srv := s.visibleServer(x.account, x.id)
	if srv == nil {
		return notFound("Server", x.id)
	}
	for u := range s.sysUsers.all() {
		if u.serverID == srv.id {
			s.removeSysUser(u)
		}
	}
	s.servers.remove(srv.id)
	return response{data: map[string]any{}}
}
