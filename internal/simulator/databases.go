package simulator

import (
	"cmp"
	"net/http"
)

// database is the state of a database and its one user.
type database struct {
	id, name, appID, serverID string
	userID, userName          string
}

func viewDatabase(d *database) map[string]any {
	return map[string]any{
		"id": d.id, "name": d.name, "appid": d.appID, "serverid": d.serverID,
		"user": map[string]any{"id": d.userID, "name": d.userName},
	}
}

// visibleDatabase returns a database of an account's app, or nil.
func (s *Simulator) visibleDatabase(a *Account, id string) *database {
	if d := s.databases.get(id); d != nil && a.hasApp(s.apps.get(d.appID)) {
		return d
	}
	return nil
}

func (s *Simulator) listDatabases(x *exchange) response {
	return response{data: s.databases.views(func(d *database) map[string]any {
		if s.visibleDatabase(x.account, d.id) == nil {
			return nil
		}
		return viewDatabase(d)
	})}
}

func (s *Simulator) createDatabase(x *exchange) response {
	d := &database{id: newID(), userID: newID()}
	var user arguments
	if err := cmp.Or(
		required(x.given, "appid", &d.appID),
		requiredText(x.given, "name", &d.name, databaseName),
		required(x.given, "user", &user),
	); err != nil {
		return s.badRequest(err)
	}
	if err := cmp.Or(
		requiredText(user, "name", &d.userName, databaseUserName),
		requiredPassword(user, "password"),
	); err != nil {
		return s.badRequest(err)
	}
	a := s.apps.get(d.appID)
	if a == nil || !x.account.hasApp(a) {
		return notFound("App", d.appID)
	}
	d.serverID = a.serverID
	ofApp := 0
	for other := range s.databases.all() {
		if other.serverID == d.serverID && (other.name == d.name || other.userName == d.userName) {
			return errorResponse(http.StatusConflict, "The server has a database %q of the user %q.", other.name, other.userName)
		}
		if other.appID == d.appID {
			ofApp++
		}
	}
	if ofApp >= maxAppDatabases {
		return s.tooMany(maxAppDatabases, "databases of an app")
	}
	s.databases.add(d.id, d)
	return s.answerWithAction(d.serverID, viewDatabase(d))
}

// ofDatabase answers a call for a database of the account.
func (s *Simulator) ofDatabase(x *exchange, respond func(*database) response) response {
	d := s.visibleDatabase(x.account, x.id)
	if d == nil {
		return notFound("Database", x.id)
	}
	return respond(d)
}

func (s *Simulator) readDatabase(x *exchange) response {
	return s.ofDatabase(x, func(d *database) response { return response{data: viewDatabase(d)} })
}

func (s *Simulator) updateDatabase(x *exchange) response {
	return s.ofDatabase(x, func(d *database) response {
		var user arguments
		if err := required(x.given, "user", &user); err != nil {
			return s.badRequest(err)
		}
		var id string
		if err := cmp.Or(required(user, "id", &id), requiredPassword(user, "password")); err != nil {
			return s.badRequest(err)
		}
		if id != d.userID {
			return notFound("Database user", id)
		}
		return s.answerWithAction(d.serverID, viewDatabase(d))
	})
}

func (s *Simulator) deleteDatabase(x *exchange) response {
	return s.ofDatabase(x, func(d *database) response {
		s.databases.remove(d.id)
		return s.answerWithAction(d.serverID, map[string]any{})
	})
}
