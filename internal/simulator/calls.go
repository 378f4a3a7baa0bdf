package simulator

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// PrivateKeyMark is part of the private key in the API's answers. Where it
// turns up in a log, an error or a page, a secret has leaked.
const PrivateKeyMark = "MC4CAQAwSIMULATORPRIVATEKEYTHATMUSTNOTLEAK"

// maxDomains is ServerPilot's limit for one app, since February 2024.
const maxDomains = 300

func (s *Simulator) listApps(x *exchange, _ *app) answer {
	account := s.accountOf(x.request)
	all := []map[string]any{}
	for _, id := range s.order {
		if a := s.apps[id]; account.has(id) && a.status != http.StatusNotFound {
			view := s.view(a)
			delete(view, "autossl") // only the call for one app has it
			all = append(all, view)
		}
	}
	return answer{data: all}
}

func (s *Simulator) readApp(x *exchange, a *app) answer {
	x.read = &Read{App: a.id, List: a.list, By: s.accountOf(x.request).ClientID, ReceivedAt: x.received}
	a.reads = append(a.reads, x.read)
	return answer{data: s.view(a)}
}

// writeList replaces the whole list: there is no other way to change it.
func (s *Simulator) writeList(x *exchange, a *app) answer {
	list, err := decodeDomains(x.body)
	if err != nil {
		return refuse(http.StatusBadRequest, "%v.", err)
	}
	for _, name := range list {
		known := slices.ContainsFunc(a.list, func(l string) bool { return canonical(l) == canonical(name) })
		if reason := s.behaviour(name).Refused; reason != "" && !known {
			return refuse(http.StatusBadRequest, "%s: %s", name, reason)
		}
	}
	changed := !slices.Equal(a.list, list)
	x.write = s.setList(a, list, x.received)
	x.write.By = s.accountOf(x.request).ClientID
	return s.done(a, s.view(a), changed)
}

func (s *Simulator) writeSSL(x *exchange, a *app) answer {
	setting, err := decodeSSL(x.body)
	if err != nil {
		return refuse(http.StatusBadRequest, "%v.", err)
	}
	switch {
	case setting == "auto" && a.custom:
		return refuse(http.StatusConflict, "A custom certificate is installed.")
	case setting == "auto" && len(s.certified(a)) == 0:
		return refuse(http.StatusBadRequest, "No AutoSSL certificate is available for this app.")
	case setting == "force" && !a.auto && !a.custom:
		return refuse(http.StatusBadRequest, "SSL is not enabled for this app.")
	}
	on := &a.auto
	if setting == "force" {
		on = &a.force
	}
	changed := !*on
	*on = true
	return s.done(a, s.viewSSL(a), changed)
}

func (s *Simulator) deleteSSL(_ *exchange, a *app) answer {
	changed := a.auto || a.custom
	a.auto, a.custom, a.force = false, false, false
	return s.done(a, map[string]any{}, changed)
}

func (s *Simulator) readServer(x *exchange, _ *app) answer {
	account := s.accountOf(x.request)
	for _, id := range s.order {
		if a := s.apps[id]; a.serverID == x.id && account.has(id) {
			return answer{data: map[string]any{
				"id": x.id, "name": "simulated-" + x.id, "autoupdates": true, "firewall": true,
				"lastaddress": s.opt.ServerAddress, "lastconn": time.Now().Unix(), "datecreated": a.created.Unix(),
			}}
		}
	}
	return refuse(http.StatusNotFound, "Server %q does not exist.", x.id)
}

// action is one run of configuring a server.
type action struct {
	serverID string
	started  time.Time
}

// done is the answer to a write. What changed nothing needs no action.
func (s *Simulator) done(a *app, data any, changed bool) answer {
	if !changed {
		return answer{data: data}
	}
	id := rand.Text()
	s.actions[id] = action{serverID: a.serverID, started: s.opt.Now()}
	return answer{data: data, actionID: id}
}

func (s *Simulator) readAction(x *exchange, _ *app) answer {
	act, known := s.actions[x.id]
	if !known {
		return refuse(http.StatusNotFound, "Action %q does not exist.", x.id)
	}
	status := "success"
	if s.opt.Now().Sub(act.started) < 2*s.opt.Latency { // so that one is seen open now and then
		status = "open"
	}
	return answer{data: map[string]any{
		"id": x.id, "serverid": act.serverID, "status": status, "datecreated": act.started.Unix(),
	}}
}

// view is an app as the API shows it.
func (s *Simulator) view(a *app) map[string]any {
	autossl := map[string]any{"available": false}
	if names := s.certified(a); len(names) > 0 {
		autossl = map[string]any{"available": true, "domains": names}
	}
	domains := a.list
	if domains == nil {
		domains = []string{}
	}
	return map[string]any{
		"id": a.id, "name": "simulated-" + strings.ToLower(a.id), "sysuserid": "sysuser1", "serverid": a.serverID,
		"runtime": "php8.3", "datecreated": a.created.Unix(), "domains": domains,
		"ssl": s.viewSSL(a), "autossl": autossl,
	}
}

func (s *Simulator) viewSSL(a *app) any {
	if !a.auto && !a.custom {
		return nil
	}
	return map[string]any{
		"key":  "-----BEGIN PRIVATE KEY-----\n" + PrivateKeyMark + "\n-----END PRIVATE KEY-----\n",
		"cert": string(s.authority.pem), "cacerts": nil, "auto": a.auto, "force": a.force,
	}
}

// decodeDomains reads {"domains": […]}, as strictly as the API is documented.
func decodeDomains(body []byte) ([]string, error) {
	fields, err := decodeFields(body, "domains")
	if err != nil {
		return nil, err
	}
	var list []string
	if err := json.Unmarshal(fields["domains"], &list); err != nil || list == nil {
		return nil, errors.New("domains must be an array of strings")
	}
	if len(list) > maxDomains {
		return nil, fmt.Errorf("an app can have at most %d domains; %d were sent", maxDomains, len(list))
	}
	for _, name := range list {
		if err := checkHostName(name); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// decodeSSL reads {"auto": true} or {"force": true} and returns which it is.
func decodeSSL(body []byte) (string, error) {
	fields, err := decodeFields(body, "auto", "force")
	if err != nil {
		return "", err
	}
	if len(fields) != 1 {
		return "", errors.New("auto and force each take a call of their own")
	}
	for setting, value := range fields {
		if string(value) != "true" {
			return "", fmt.Errorf("%s must be true", setting)
		}
		return setting, nil
	}
	panic("unreachable: there is one field")
}
