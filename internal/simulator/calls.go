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

// PrivateKeyMark is part of the private key in the API's responses. If it appears in a log,
// an error or a page, a secret has leaked.
const PrivateKeyMark = "MC4CAQAwSIMULATORPRIVATEKEYTHATMUSTNOTLEAK"

// maxDomains is ServerPilot's limit for one app, since February 2024.
const maxDomains = 300

func (s *Simulator) listApps(x *exchange, _ *app) response {
	account := s.accountOf(x.request)
	all := []map[string]any{}
	for _, id := range s.order {
		if a := s.apps[id]; account.has(id) && a.status != http.StatusNotFound {
			view := s.view(a)
			delete(view, "autossl") // only the call for one app returns it
			all = append(all, view)
		}
	}
	return response{data: all}
}

func (s *Simulator) readApp(x *exchange, a *app) response {
	x.read = &Read{App: a.id, List: a.list, By: s.accountOf(x.request).ClientID, ReceivedAt: x.received}
	a.reads = append(a.reads, x.read)
	return response{data: s.view(a)}
}

// writeList replaces the whole list, because the API has no other way to change it.
func (s *Simulator) writeList(x *exchange, a *app) response {
	list, err := decodeDomains(x.body)
	if err != nil {
		return errorResponse(http.StatusBadRequest, "%v.", err)
	}
	for _, name := range list {
		known := slices.ContainsFunc(a.list, func(l string) bool { return canonical(l) == canonical(name) })
		if reason := s.behaviour(name).Refused; reason != "" && !known {
			return errorResponse(http.StatusBadRequest, "%s: %s", name, reason)
		}
		if reason := s.behaviour(name).Conflict; reason != "" && !known {
			return errorResponse(http.StatusConflict, "%s", reason)
		}
	}
	changed := !slices.Equal(a.list, list)
	x.write = s.setList(a, list, x.received)
	x.write.By = s.accountOf(x.request).ClientID
	return s.writeResponse(a, s.view(a), changed)
}

func (s *Simulator) writeSSL(x *exchange, a *app) response {
	setting, err := decodeSSL(x.body)
	if err != nil {
		return errorResponse(http.StatusBadRequest, "%v.", err)
	}
	switch {
	case setting == "auto" && a.custom:
		return errorResponse(http.StatusConflict, "A custom certificate is installed.")
	case setting == "auto" && len(s.certified(a)) == 0:
		return errorResponse(http.StatusBadRequest, "No AutoSSL certificate is available for this app.")
	case setting == "force" && !a.auto && !a.custom:
		return errorResponse(http.StatusBadRequest, "SSL is not enabled for this app.")
	}
	on := &a.auto
	if setting == "force" {
		on = &a.force
	}
	changed := !*on
	*on = true
	return s.writeResponse(a, s.viewSSL(a), changed)
}

func (s *Simulator) deleteSSL(_ *exchange, a *app) response {
	changed := a.auto || a.custom
	a.auto, a.custom, a.force = false, false, false
	return s.writeResponse(a, map[string]any{}, changed)
}

func (s *Simulator) readServer(x *exchange, _ *app) response {
	account := s.accountOf(x.request)
	for _, id := range s.order {
		if a := s.apps[id]; a.serverID == x.id && account.has(id) {
			lastConn := s.lastConn
			if lastConn.IsZero() {
				lastConn = time.Now()
			}
			return response{data: map[string]any{
				"id": x.id, "name": "simulated-" + x.id, "autoupdates": true, "firewall": true,
				"lastaddress": s.opt.ServerAddress, "lastconn": lastConn.Unix(), "datecreated": a.created.Unix(),
			}}
		}
	}
	return errorResponse(http.StatusNotFound, "Server %q does not exist.", x.id)
}

// action is one configuration run of a server.
type action struct {
	serverID string
	started  time.Time
}

// writeResponse is the response to a write. A write that changes nothing starts no action.
func (s *Simulator) writeResponse(a *app, data any, changed bool) response {
	if !changed {
		return response{data: data}
	}
	id := rand.Text()
	s.actions[id] = action{serverID: a.serverID, started: s.opt.Now()}
	return response{data: data, actionID: id}
}

func (s *Simulator) readAction(x *exchange, _ *app) response {
	act, known := s.actions[x.id]
	if !known {
		return errorResponse(http.StatusNotFound, "Action %q does not exist.", x.id)
	}
	status := "success"
	if s.opt.Now().Sub(act.started) < 2*s.opt.Latency { // so that clients sometimes see it open
		status = "open"
	}
	return response{data: map[string]any{
		"id": x.id, "serverid": act.serverID, "status": status, "datecreated": act.started.Unix(),
	}}
}

// view is an app in the API's format.
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

// decodeDomains reads {"domains": […]} as strictly as the API is documented.
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

// decodeSSL reads {"auto": true} or {"force": true} and returns the field's name.
func decodeSSL(body []byte) (string, error) {
	fields, err := decodeFields(body, "auto", "force")
	if err != nil {
		return "", err
	}
	if len(fields) != 1 {
		return "", errors.New("auto and force need separate calls")
	}
	for setting, value := range fields {
		if string(value) != "true" {
			return "", fmt.Errorf("%s must be true", setting)
		}
		return setting, nil
	}
	panic("unreachable: there is exactly one field")
}
