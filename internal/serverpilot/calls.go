package serverpilot

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"pilotsync/internal/retryafter"
	"pilotsync/tasks"
)

// App reads one app. An answer without a domains array is a [Retry] error, never
// an empty list; an empty array is an app without domains. Every error is an [*Error].
func (c *Client) App(ctx context.Context, id string) (App, error) {
	if err := c.checkID(OpApp, id); err != nil {
		return App{}, err
	}
	a, err := c.read(ctx, OpApp, id, "/apps/"+id)
	if err != nil {
		return App{}, err
	}
	return resultOf(c, OpApp, id, a, decodeApp)
}

// Apps reads every app of the account, without what AutoSSL has available. An answer with an
// app that lacks a domains array is a [Retry] error. Every error is an [*Error].
func (c *Client) Apps(ctx context.Context) ([]App, error) {
	a, err := c.read(ctx, OpApps, "", "/apps")
	if err != nil {
		return nil, err
	}
	return resultOf(c, OpApps, "", a, decodeApps)
}

// Server reads one server. Every error is an [*Error].
func (c *Client) Server(ctx context.Context, id string) (Server, error) {
	if err := c.checkID(OpServer, id); err != nil {
		return Server{}, err
	}
	a, err := c.read(ctx, OpServer, id, "/servers/"+id)
	if err != nil {
		return Server{}, err
	}
	server, err := resultOf(c, OpServer, id, a, decodeServer)
	if err != nil {
		return Server{}, err
	}
	if server.ReadAt, err = http.ParseTime(a.header.Get("Date")); err != nil {
		server.ReadAt = c.now().UTC()
	}
	return server, nil
}

// Action reads one action. Every error is an [*Error].
func (c *Client) Action(ctx context.Context, id string) (Action, error) {
	if err := c.checkID(OpAction, id); err != nil {
		return Action{}, err
	}
	a, err := c.read(ctx, OpAction, id, "/actions/"+id)
	if err != nil {
		return Action{}, err
	}
	return resultOf(c, OpAction, id, a, decodeAction)
}

// SetDomains replaces the app's whole list. It returns the list of ServerPilot's answer,
// for the caller to compare. Nothing is sent after notAfter, and the call ends by then.
// Every error is an [*Error]. It wraps [ErrTooLate] if the deadline was over before a byte was
// sent; its kind is [Unknown] if the list may have been replaced.
func (c *Client) SetDomains(ctx context.Context, id string, domains []string, notAfter time.Time) (Written, error) {
	if err := c.checkID(OpSetDomains, id); err != nil {
		return Written{}, err
	}
	if domains == nil {
		domains = []string{} // null is not an array
	}
	body, err := json.Marshal(map[string][]string{"domains": domains})
	if err != nil {
		return Written{}, c.failure(Retry, OpSetDomains, id, err)
	}
	a, err := c.write(ctx, OpSetDomains, id, "/apps/"+id, body, notAfter)
	if err != nil {
		return Written{}, err
	}
	app, err := resultOf(c, OpSetDomains, id, a, decodeApp)
	if err != nil {
		return Written{}, err
	}
	return Written{Domains: app.Domains, ActionID: actionID(a.body)}, nil
}

// EnableAutoSSL turns AutoSSL on, and returns the id of the action, if there is one. ServerPilot refuses it while no certificate is
// available and while a custom one is installed. Every error is an [*Error]; its kind is
// [Unknown] if AutoSSL may have been turned on.
func (c *Client) EnableAutoSSL(ctx context.Context, id string) (action string, err error) {
	if err := c.checkID(OpEnableAutoSSL, id); err != nil {
		return "", err
	}
	a, err := c.write(ctx, OpEnableAutoSSL, id, "/apps/"+id+"/ssl", []byte(`{"auto":true}`), c.now().Add(CallTimeout))
	if err != nil {
		return "", err
	}
	return resultOf(c, OpEnableAutoSSL, id, a, func(_ string, body []byte) (string, error) {
		_, err := data[struct{}](body) // its content isn't documented
		return actionID(body), err
	})
}

// checkID refuses an invalid id, which could change the URL. Ids of servers and actions are like
// apps'.
func (c *Client) checkID(op, id string) error {
	if tasks.CheckAppID(id) == nil {
		return nil
	}
	return &Error{Kind: Blocked, Op: op, App: c.scrub(fmt.Sprintf("%q", id)),
		Message: "this is not a valid id; it takes 1 to 64 letters, digits, _ or -"}
}

// failure is the error of a call that got no answer.
func (c *Client) failure(kind Kind, op, id string, err error) *Error {
	return &Error{Kind: kind, Op: op, App: id, Err: scrubError(c.scrub, err)}
}

// resultOf turns an answer into the call's result, or into its error. It makes all
// decisions about answers, and does no I/O.
func resultOf[T any](c *Client, op, id string, a answer, decode func(id string, body []byte) (T, error)) (T, error) {
	var none T
	raw := errorMessage(a.body)
	message := c.scrub(raw)
	e := &Error{
		Kind: kindOf(op == OpSetDomains || op == OpEnableAutoSSL, a.status, raw != ""),
		Op:   op, App: id, Status: a.status, Message: message,
		RetryAfter: retryafter.Parse(a.header, c.now()),
		Err:        scrubError(c.scrub, a.problem),
	}
	if e.Kind == Blocked {
		e.Message = advice(op, a.status)
		if message != "" {
			e.Message += " (ServerPilot: " + message + ")"
		}
	}
	if a.status != http.StatusOK && a.status != http.StatusCreated || a.problem != nil {
		return none, e
	}
	result, err := decode(id, a.body)
	if err != nil {
		e.Err = scrubError(c.scrub, err)
		return none, e
	}
	return result, nil
}
