package simulator

import (
	"cmp"
	"net/http"
	"slices"
	"time"
)

// defaultSysUser is the system user that each server has from the start. It can't be deleted.
const defaultSysUser = "serverpilot"

// sysUser is the state of a system user.
type sysUser struct {
	id, name, serverID string
	created            time.Time
	keys               []string // ids of SSH keys
}

// Limits of ServerPilot's documentation.
const (
	maxSysUsers     = 1000 // of a server
	maxApps         = 1000 // of a system user
	maxKeysOfUser   = 100
	maxSSHKeys      = 1000 // of an account
	maxAppDatabases = 1000
)

// tooMany is the answer to a call that would exceed a limit. The documentation doesn't have its
// status.
func (s *Simulator) tooMany(limit int, of string) response {
	return s.badRequest(invalid("", "There can be at most %d %s", limit, of))
}

func viewSysUser(u *sysUser) map[string]any {
	return map[string]any{"id": u.id, "name": u.name, "serverid": u.serverID}
}

// visibleSysUser returns a system user of an account's server, or nil.
func (s *Simulator) visibleSysUser(a *Account, id string) *sysUser {
	if u := s.sysUsers.get(id); u != nil && s.visibleServer(a, u.serverID) != nil {
		return u
	}
	return nil
}

// usersOf returns the system users of a server.
func (s *Simulator) usersOf(serverID string) (users []*sysUser) {
	for u := range s.sysUsers.all() {
		if u.serverID == serverID {
			users = append(users, u)
		}
	}
	return users
}

// removeSysUser removes a system user with its apps, and their databases.
func (s *Simulator) removeSysUser(u *sysUser) {
	for a := range s.apps.all() {
		if a.sysUserID == u.id {
			s.removeApp(a)
		}
	}
	s.sysUsers.remove(u.id)
}

func (s *Simulator) listSysUsers(x *exchange) response {
	return response{data: s.sysUsers.views(func(u *sysUser) map[string]any {
		if s.visibleServer(x.account, u.serverID) == nil {
			return nil
		}
		return viewSysUser(u)
	})}
}

func (s *Simulator) createSysUser(x *exchange) response {
	u := &sysUser{id: newID(), created: time.Now()}
	var key string
	if err := cmp.Or(
		required(x.given, "serverid", &u.serverID),
		requiredText(x.given, "name", &u.name, sysUserName),
		optionalPassword(x.given, "password"),
		optional(x.given, "sshkey_id", &key),
	); err != nil {
		return s.badRequest(err)
	}
	if s.visibleServer(x.account, u.serverID) == nil {
		return notFound("Server", u.serverID)
	}
	if key != "" {
		if s.visibleSSHKey(x.account, key) == nil {
			return notFound("SSH key", key)
		}
		u.keys = []string{key}
	}
	others := s.usersOf(u.serverID)
	if slices.ContainsFunc(others, func(other *sysUser) bool { return other.name == u.name }) {
		return errorResponse(http.StatusConflict, "The server has a system user with the name %q.", u.name)
	}
	if len(others) >= maxSysUsers {
		return s.tooMany(maxSysUsers, "system users on a server")
	}
	s.sysUsers.add(u.id, u)
	return s.answerWithAction(u.serverID, viewSysUser(u))
}

// ofSysUser answers a call for a system user of the account.
func (s *Simulator) ofSysUser(x *exchange, respond func(*sysUser) response) response {
	u := s.visibleSysUser(x.account, x.id)
	if u == nil {
		return notFound("System user", x.id)
	}
	return respond(u)
}

func (s *Simulator) readSysUser(x *exchange) response {
	return s.ofSysUser(x, func(u *sysUser) response { return response{data: viewSysUser(u)} })
}

func (s *Simulator) updateSysUser(x *exchange) response {
	return s.ofSysUser(x, func(u *sysUser) response {
		if err := requiredPassword(x.given, "password"); err != nil {
			return s.badRequest(err)
		}
		return s.answerWithAction(u.serverID, viewSysUser(u))
	})
}

func (s *Simulator) deleteSysUser(x *exchange) response {
	return s.ofSysUser(x, func(u *sysUser) response {
		if u.name == defaultSysUser {
			return errorResponse(http.StatusForbidden, "The system user %s is protected.", defaultSysUser)
		}
		s.removeSysUser(u)
		return s.answerWithAction(u.serverID, map[string]any{})
	})
}

func (s *Simulator) listKeysOfUser(x *exchange) response {
	return s.ofSysUser(x, func(u *sysUser) response {
		return response{data: s.sshKeys.views(func(k *sshKey) map[string]any {
			if !slices.Contains(u.keys, k.id) {
				return nil
			}
			return viewSSHKey(k)
		})}
	})
}

func (s *Simulator) addKeyToUser(x *exchange) response {
	return s.ofSysUser(x, func(u *sysUser) response {
		var key string
		if err := required(x.given, "sshkey_id", &key); err != nil {
			return s.badRequest(err)
		}
		switch {
		case s.visibleSSHKey(x.account, key) == nil:
			return notFound("SSH key", key)
		case slices.Contains(u.keys, key):
			return errorResponse(http.StatusConflict, "The system user has this SSH key.")
		case len(u.keys) >= maxKeysOfUser:
			return s.tooMany(maxKeysOfUser, "SSH keys of a system user")
		}
		u.keys = append(u.keys, key)
		return s.answerWithAction(u.serverID, map[string]any{})
	})
}

func (s *Simulator) removeKeyFromUser(x *exchange) response {
	return s.ofSysUser(x, func(u *sysUser) response {
		key := x.request.PathValue("key")
		i := slices.Index(u.keys, key)
		if i < 0 {
			return notFound("SSH key", key)
		}
		u.keys = slices.Delete(u.keys, i, i+1)
		return s.answerWithAction(u.serverID, map[string]any{})
	})
}
