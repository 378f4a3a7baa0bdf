package serverpilot

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
)

// Kind is what the caller of a failed call must do.
type Kind int

const (
	// Retry: try again, after RetryAfter if that is set. A write didn't take effect.
	Retry Kind = iota + 1
	// WriteUnknown: the request was or may have been sent, and it isn't known whether it took
	// effect. Only writes fail so. Before anything else, wait until the write can't take
	// effect any more, and read again.
	WriteUnknown
	// Blocked: the call fails until a person has done what Message says.
	Blocked
	// RequestRefused: ServerPilot refuses this request; Message is its reason.
	RequestRefused
)

// String is the kind in lower case, for a log or a metric's label.
func (k Kind) String() string {
	switch k {
	case Retry:
		return "retry"
	case WriteUnknown:
		return "unknown"
	case Blocked:
		return "blocked"
	case RequestRefused:
		return "refused"
	}
	return fmt.Sprintf("kind %d", int(k))
}

// ErrTooLate: the deadline of a write was over before a byte of its request was sent. The
// [Error] that wraps it has the kind [Retry].
var ErrTooLate = errors.New("too late: the write's time was over before it was sent")

// The calls, as Error.Op names them.
const (
	OpApp           = "read app"
	OpApps          = "read apps"
	OpServer        = "read server"
	OpAction        = "read action"
	OpSetDomains    = "set domains"
	OpEnableAutoSSL = "enable AutoSSL"
)

// Error is the failure of one call. All its texts may be shown: they are shortened, and
// contain neither the API key nor any text that looks like a key.
type Error struct {
	Kind Kind
	// Op is one of the Op constants.
	Op string
	// App is the id of the app, or of the server or the action if Op is [OpServer] or
	// [OpAction]; empty for [OpApps].
	App string
	// Status is the answer's HTTP status; 0 if no answer came.
	Status int
	// Message is ServerPilot's own, at most 300 characters of it; if Kind is [Blocked],
	// it begins with what a person must do.
	Message string
	// RetryAfter is the delay that the server asked for, at most 1 h; 0 for none.
	RetryAfter time.Duration
	// Err is the cause if it isn't the answer's status: the network, the time limit, the
	// caller's context, or a malformed answer.
	Err error
}

// Error names the call, the app, the status, the message and the cause. Operators
// read it on the dashboard and in reasons.
func (e *Error) Error() string {
	call := strings.TrimSpace(e.Op + " " + e.App) // "read app ID", "read server ID", "read apps"
	if e.Op == OpSetDomains || e.Op == OpEnableAutoSSL {
		call = e.Op + " of app " + e.App
	}
	if e.Status != 0 {
		call += fmt.Sprintf(" (status %d)", e.Status)
	}
	parts := []string{call}
	if e.Message != "" {
		parts = append(parts, e.Message)
	}
	if e.Err != nil {
		parts = append(parts, describe(e.Err))
	}
	if e.Kind == WriteUnknown {
		parts = append(parts, "it is not known whether it took effect")
	}
	return strings.Join(parts, ": ")
}

// describe returns the text of an error. It explains a name that can't be resolved, which is
// neither ServerPilot's fault nor a firewall's.
func describe(err error) string {
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return fmt.Sprintf("DNS can't resolve %s (%s); check SERVERPILOT_API_URL and this machine's resolver", dns.Name, dns.Err)
	}
	return err.Error()
}

// Unwrap returns the cause, such as [ErrTooLate] or the context's error.
func (e *Error) Unwrap() error { return e.Err }

// AsError returns the [*Error] in err's chain, or nil.
func AsError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return nil
}

// kindOf returns the kind for an answer's status. hasMessage means that the body is
// ServerPilot's JSON error; otherwise the answer comes from a gateway.
func kindOf(write bool, status int, hasMessage bool) Kind {
	switch {
	case status == 401 || status == 402 || status == 403 || status == 404:
		return Blocked
	case status == 400 && hasMessage:
		return RequestRefused
	case status >= 400 && status < 500: // had no effect; also 408, 409, 429
		return Retry
	case status >= 500 && hasMessage:
		return Retry
	case write: // the backend may still be running, or its answer is unreadable
		return WriteUnknown
	}
	return Retry
}

// advice returns what a person must do about a [Blocked] status.
func advice(op string, status int) string {
	switch status {
	case http.StatusUnauthorized:
		return "ServerPilot doesn't accept these credentials; check the client id and the API key (an account has one active key)"
	case http.StatusPaymentRequired:
		return "ServerPilot asks for payment: the account has no valid card, or its plan is too small; check the card and the plan in ServerPilot"
	case http.StatusForbidden:
		return "ServerPilot doesn't allow changing this over the API; check it in its dashboard"
	case http.StatusNotFound:
		if op == OpServer {
			return "the account has no such server; check in ServerPilot's dashboard whether it was removed"
		}
		if op == OpAction {
			return "the account has no such action; ServerPilot may have deleted it"
		}
		return "the account has no such app; check the app id, and that the client id is of the account that has the app"
	}
	return ""
}
