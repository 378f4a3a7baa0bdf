package serverpilot

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"pilotsync/tasks"
)

// App is what the program needs of an app. The private key in the answer's ssl object
// isn't decoded.
type App struct {
	ID, Name, ServerID string
	// Domains is the whole list, in ServerPilot's order; never nil.
	Domains []string
	SSL     SSL
	AutoSSL AutoSSL
}

// SSL is the state of an app's certificate; zero if it has none.
type SSL struct {
	// Auto: AutoSSL is on.
	Auto bool
	// Custom: a custom certificate is installed.
	Custom bool
	// Force: HTTP is redirected to HTTPS.
	Force bool
}

// AutoSSL is the certificate that AutoSSL has available.
type AutoSSL struct {
	// Reported: the answer says whether there is one. That about all apps never does.
	Reported  bool
	Available bool
	// Domains are the names on the certificate that is ready; they can be fewer than the app's.
	Domains []string
}

// Server is what the program needs of a server.
type Server struct {
	ID, Name string
	// LastAddress is the server's public address; the zero Addr if ServerPilot knows none yet.
	LastAddress netip.Addr
	// LastConn is when its agent was last connected to ServerPilot, to 1 s; zero if
	// ServerPilot doesn't know. ReadAt is ServerPilot's time of the answer.
	LastConn, ReadAt time.Time
}

// disconnectedAfter is how old the last connection of a connected server may be
// (serverpilot.io/docs, the field lastconn).
const disconnectedAfter = 10 * time.Minute

// DisconnectedSince returns when a server that isn't connected was connected last; the zero
// time if it is connected, or if ServerPilot doesn't know. ServerPilot accepts writes for a
// disconnected server, and they have no effect until it is back.
func (s Server) DisconnectedSince() time.Time {
	if s.LastConn.IsZero() || s.ReadAt.Sub(s.LastConn) <= disconnectedAfter {
		return time.Time{}
	}
	return s.LastConn
}

// Written is the answer to a write of an app's list.
type Written struct {
	Domains []string // the new list, in ServerPilot's order; never nil
	// ActionID is the id of the server's work that the write causes; empty if ServerPilot
	// named none, which means that nothing changed.
	ActionID string
}

// ActionStatus is how far the server's work for a write is.
type ActionStatus string

// The documented ones; a later API may have others.
const (
	ActionOpen    ActionStatus = "open"
	ActionSuccess ActionStatus = "success"
	ActionError   ActionStatus = "error" // it has ended, with errors
)

// Action is the server's work for a write.
type Action struct {
	ID     string
	Status ActionStatus
}

// presence records that a value isn't empty, without keeping it.
type presence bool

func (p *presence) UnmarshalJSON(b []byte) error {
	*p = string(b) != "null" && string(b) != `""`
	return nil
}

// unixSeconds is a time in seconds since 1970. Anything but a number counts as unknown: a server's
// address is of use without it.
type unixSeconds int64

func (s *unixSeconds) UnmarshalJSON(b []byte) error {
	seconds, err := strconv.ParseInt(string(b), 10, 64)
	if err == nil {
		*s = unixSeconds(seconds)
	}
	return nil
}

// names is a list that must be an array of non-empty strings. encoding/json accepts null for
// a list and for a string and leaves them empty; here that is an error.
type names []string

func (n *names) UnmarshalJSON(b []byte) error {
	if len(b) == 0 || b[0] != '[' {
		return errors.New("domains is not an array")
	}
	var list []*string
	if err := json.Unmarshal(b, &list); err != nil {
		return errors.New("domains is not an array of strings")
	}
	*n = make(names, 0, len(list))
	for _, s := range list {
		if s == nil || *s == "" {
			return errors.New("domains holds an empty name")
		}
		*n = append(*n, *s)
	}
	return nil
}

// data decodes the answer's data object into T.
func data[T any](body []byte) (T, error) {
	var a struct {
		Data *T `json:"data"`
	}
	if err := json.Unmarshal(body, &a); err != nil {
		return *new(T), fmt.Errorf("the answer isn't the expected JSON: %w", err)
	}
	if a.Data == nil {
		return *new(T), errors.New("the answer holds no data")
	}
	return *a.Data, nil
}

// decodedApp is an app as ServerPilot sends it.
type decodedApp struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	ServerID string `json:"serverid"`
	Domains  *names `json:"domains"`
	SSL      struct {
		Auto  bool     `json:"auto"`
		Force bool     `json:"force"`
		Cert  presence `json:"cert"`
	} `json:"ssl"`
	AutoSSL *struct {
		Available bool   `json:"available"`
		Domains   *names `json:"domains"` // missing or null while none is available
	} `json:"autossl"`
}

func (d decodedApp) app() (App, error) {
	if d.Domains == nil { // missing or null; never an empty list
		return App{}, errors.New("the answer holds no domains array")
	}
	app := App{
		ID: d.ID, Name: d.Name, ServerID: d.ServerID,
		Domains: *d.Domains,
		SSL:     SSL{Auto: d.SSL.Auto, Custom: !d.SSL.Auto && bool(d.SSL.Cert), Force: d.SSL.Force},
	}
	if d.AutoSSL == nil { // missing or null
		return app, nil
	}
	app.AutoSSL = AutoSSL{Reported: true, Available: d.AutoSSL.Available}
	if d.AutoSSL.Domains != nil {
		app.AutoSSL.Domains = *d.AutoSSL.Domains
	}
	return app, nil
}

// decodeApp reads the answer to a call about the app with the given id.
func decodeApp(id string, body []byte) (App, error) {
	d, err := data[decodedApp](body)
	if err != nil {
		return App{}, err
	}
	if d.ID != id {
		return App{}, fmt.Errorf("the answer is about app %q", d.ID)
	}
	return d.app()
}

// decodeApps reads the answer to the call about all apps.
func decodeApps(_ string, body []byte) ([]App, error) {
	all, err := data[[]decodedApp](body)
	if err != nil {
		return nil, err
	}
	apps := make([]App, len(all))
	for i, d := range all {
		if apps[i], err = d.app(); err != nil {
			return nil, fmt.Errorf("app %q: %w", d.ID, err)
		}
	}
	return apps, nil
}

// decodeServer reads the answer to a call about the server with the given id.
func decodeServer(id string, body []byte) (Server, error) {
	d, err := data[struct {
		ID          string      `json:"id"`
		Name        string      `json:"name"`
		LastAddress string      `json:"lastaddress"`
		LastConn    unixSeconds `json:"lastconn"`
	}](body)
	if err != nil {
		return Server{}, err
	}
	if d.ID != id {
		return Server{}, fmt.Errorf("the answer is about server %q", d.ID)
	}
	s := Server{ID: d.ID, Name: d.Name}
	if d.LastConn > 0 {
		s.LastConn = time.Unix(int64(d.LastConn), 0).UTC()
	}
	if d.LastAddress == "" {
		return s, nil
	}
	if s.LastAddress, err = netip.ParseAddr(d.LastAddress); err != nil {
		return Server{}, fmt.Errorf("the answer's lastaddress is no address: %w", err)
	}
	return s, nil
}

// actionID returns the id of an answer's action, or "" if it names none. Something else than an id
// counts as none: the write took effect without it, too.
func actionID(body []byte) string {
	var a struct {
		ID string `json:"actionid"`
	}
	if json.Unmarshal(body, &a) != nil || tasks.CheckAppID(a.ID) != nil {
		return ""
	}
	return a.ID
}

// decodeAction reads the answer to the call about the action with the given id.
func decodeAction(id string, body []byte) (Action, error) {
	d, err := data[struct {
		ID     string       `json:"id"`
		Status ActionStatus `json:"status"`
	}](body)
	if err != nil {
		return Action{}, err
	}
	if d.ID != id || d.Status == "" {
		return Action{}, fmt.Errorf("the answer is about action %q, with the status %q", d.ID, d.Status)
	}
	return Action{ID: d.ID, Status: d.Status}, nil
}

// errorMessage returns the message of ServerPilot's JSON error, or "" if the body isn't one.
func errorMessage(body []byte) string {
	var e struct {
		Error struct {
			Message string `json:"message"`
		} `json:"error"`
	}
	if json.Unmarshal(body, &e) != nil {
		return ""
	}
	return strings.TrimSpace(e.Error.Message)
}
