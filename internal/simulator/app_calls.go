package simulator

import (
	"cmp"
	"net/http"
	"slices"
	"time"
)

// view is an app in the API's format, with a list in the order of the answer. Only the call for
// one app has autossl besides.
func (s *Simulator) view(a *app, list []string) map[string]any {
	return map[string]any{
		"id": a.id, "name": a.name, "sysuserid": a.sysUserID, "serverid": a.serverID,
		"runtime": a.runtime, "datecreated": a.created.Unix(), "domains": list, "ssl": s.viewSSL(a),
	}
}

func (s *Simulator) listApps(x *exchange) response {
	return response{data: s.apps.views(func(a *app) map[string]any {
		if !x.account.hasApp(a) || a.status == http.StatusNotFound {
			return nil
		}
		return s.view(a, s.readable(a))
	})}
}

func (s *Simulator) readApp(x *exchange) response {
	list := s.readable(x.app)
	x.read = &Read{App: x.app.id, List: list, By: x.account.ClientID, ReceivedAt: x.received}
	x.app.reads = append(x.app.reads, x.read)
	view := s.view(x.app, list)
	if s.opt.Undocumented.WithoutAutoSSL {
		return response{data: view}
	}
	view["autossl"] = map[string]any{"available": false}
	if names := s.covered(x.app); len(names) > 0 {
		view["autossl"] = map[string]any{"available": true, "domains": names}
	}
	return response{data: view}
}

// requiredRuntime reads one of the server's available_runtimes.
func (s *Simulator) requiredRuntime(a arguments, runtime *string) error {
	if err := required(a, "runtime", runtime); err != nil {
		return err
	}
	if !slices.Contains(s.opt.Runtimes, *runtime) {
		return invalid("runtime", "runtime %q is none of the server's: %v", *runtime, s.opt.Runtimes)
	}
	return nil
}

// checkWordPress checks what WordPress would be installed with. Nothing is installed.
func checkWordPress(a arguments) error {
	var given arguments
	if err := optional(a, "wordpress", &given); err != nil || given == nil {
		return err
	}
	var text string
	return cmp.Or(
		required(given, "site_title", &text), required(given, "admin_user", &text),
		required(given, "admin_email", &text), requiredPassword(given, "admin_password"),
	)
}

func (s *Simulator) createApp(x *exchange) response {
	a := &app{id: newID(), owner: x.account.ClientID, created: time.Now()}
	list, err := s.domains(x.given)
	if err := cmp.Or(
		requiredText(x.given, "name", &a.name, appName),
		required(x.given, "sysuserid", &a.sysUserID),
		s.requiredRuntime(x.given, &a.runtime),
		err,
		checkWordPress(x.given),
	); err != nil {
		return s.badRequest(err)
	}
	u := s.visibleSysUser(x.account, a.sysUserID)
	if u == nil {
		return notFound("System user", a.sysUserID)
	}
	a.serverID = u.serverID
	ofUser := 0
	for other := range s.apps.all() {
		if other.serverID == a.serverID && other.name == a.name {
			return errorResponse(http.StatusConflict, "The server has an app with the name %q.", a.name)
		}
		if other.sysUserID == a.sysUserID {
			ofUser++
		}
	}
	if ofUser >= maxApps {
		return s.tooMany(maxApps, "apps of a system user")
	}
	if refused := s.refuse(a, list); refused.status != 0 {
		return refused
	}
	a.list = list
	s.updatePointing(a)
	s.apps.add(a.id, a)
	return s.answerWithAction(a.serverID, s.view(a, s.inAnswer(a.list)))
}

// updateApp replaces the whole list, because the API has no other way to change it; or the
// runtime, or both. A write that changes nothing starts no action.
func (s *Simulator) updateApp(x *exchange) response {
	a := x.app
	list, err := s.domains(x.given)
	runtime := a.runtime
	if x.given.has("runtime") {
		err = cmp.Or(err, s.requiredRuntime(x.given, &runtime))
	}
	if err != nil {
		return s.badRequest(err)
	}
	if refused := s.refuse(a, list); refused.status != 0 {
		return refused
	}
	changed := runtime != a.runtime
	a.runtime = runtime
	if list != nil {
		changed = changed || !slices.Equal(a.list, list)
		x.write = s.setList(a, list, x.received)
		x.write.By = x.account.ClientID
	}
	answer := s.view(a, s.inAnswer(a.list))
	if !changed {
		return response{data: answer}
	}
	return s.answerWithAction(a.serverID, answer)
}

// refuse answers a list that adds a name whose behaviour is to be refused. It returns the zero
// response for any other list.
func (s *Simulator) refuse(a *app, list []string) response {
	for _, name := range list {
		if slices.ContainsFunc(a.list, func(l string) bool { return canonical(l) == canonical(name) }) {
			continue
		}
		b := s.behaviour(name)
		if b.Refused != "" {
			return s.badRequest(invalid("domains", "%s: %s", name, b.Refused))
		}
		if b.Conflict != "" {
			return errorResponse(http.StatusConflict, "%s", b.Conflict)
		}
	}
	return response{}
}

// removeApp removes an app with its databases.
func (s *Simulator) removeApp(a *app) {
	for d := range s.databases.all() {
		if d.appID == a.id {
			s.databases.remove(d.id)
		}
	}
	s.apps.remove(a.id)
}

func (s *Simulator) deleteApp(x *exchange) response {
	s.removeApp(x.app)
	return s.answerWithAction(x.app.serverID, map[string]any{})
}
