package tasks

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Task types.
const (
	TypeDomainAdd    = "domain:add"
	TypeDomainRemove = "domain:remove"
	TypeAppSync      = "app:sync"
	TypeSSLVerify    = "ssl:verify"
	TypeEventDeliver = "event:deliver"
)

// Queues. Each is served by slots of its own, so that one kind of work never
// holds up another.
const (
	QueueDomains = "domains" // domain:add, domain:remove
	QueueLists   = "lists"   // app:sync
	QueueSSL     = "ssl"     // ssl:verify
	QueueEvents  = "events"  // event:deliver
)

// Queues lists all queues.
func Queues() []string { return []string{QueueDomains, QueueLists, QueueSSL, QueueEvents} }

// WWW says which domains get a www form on the list besides themselves. The
// values are those of Ultimate Multisite's setting auto_create_www_subdomain.
type WWW string

const (
	// WWWAlways: every domain but wildcards and those that start with www already.
	WWWAlways WWW = "always"
	// WWWMainOnly: only domains registered directly under a public suffix.
	WWWMainOnly WWW = "main_only"
	// WWWNever: none.
	WWWNever WWW = "never"
)

// ParseWWW accepts the three values of [WWW]. The empty string, "not said", is
// not one of them.
func ParseWWW(s string) (WWW, error) {
	switch w := WWW(s); w {
	case WWWAlways, WWWMainOnly, WWWNever:
		return w, nil
	}
	return "", fmt.Errorf("www is %.80q; it takes always, main_only or never", s)
}

// Change is the payload of domain:add and domain:remove: one request for one domain.
type Change struct {
	AppID  string `json:"app_id"`
	Domain string `json:"domain"`
	// Seq is the change's order number within the app, taken from Redis when it
	// was enqueued: microseconds since 1970, pushed on where two would be equal.
	// Of two changes of a domain the one with the higher number is the later.
	Seq int64 `json:"seq"`
	// WWW overrides the worker's setting for this domain; empty leaves it to the setting.
	WWW         WWW       `json:"www,omitempty"`
	SiteID      int64     `json:"site_id,omitempty"`
	RequestedAt time.Time `json:"requested_at"`
	// Adopt takes names that are on the list already as they are: the domain has a
	// www form only if that is there, and both count as put there by us from then on.
	// Of a domain:add only.
	Adopt bool `json:"adopt,omitempty"`
	// IfListed has an adoption end rejected if the domain isn't on the list by the time
	// of the sync; else it is added then. Without Adopt it has no meaning.
	IfListed bool `json:"if_listed,omitempty"`
	// Attempts is the limit of the domain's verification attempts, 1 to [MaxAttempts]; 0
	// leaves it to the worker's setting, the number of its delays. The last addition
	// decides, as for WWW: one without it brings the setting back. Only an adoption of a
	// domain that is wanted already, without it, leaves the limit as it is. In a
	// domain:remove it has no meaning.
	Attempts int `json:"attempts,omitempty"`
	// Verify has a domain that is listed already verified anew, with all attempts, the
	// first at once. Of a domain:add only.
	Verify bool `json:"verify,omitempty"`
	// By is the operator who asked, for the history; empty for WordPress.
	By string `json:"by,omitempty"`

	V Version `json:"v"`
}

// Sync is the payload of app:sync: bring one app's list in step with the ledger.
type Sync struct {
	AppID string `json:"app_id"`
	// Wake is the number of the wake mark this task was made for; 0 where Hour isn't.
	Wake int64 `json:"wake"`
	// Hour is set in the task that looks whether the list still is as it should be,
	// whatever is pending: the hours since 1970 at which the app's turn comes.
	Hour int64 `json:"hour,omitempty"`

	V Version `json:"v"`
}

// Verify is the payload of ssl:verify: one verification of one domain.
type Verify struct {
	AppID  string `json:"app_id"`
	Domain string `json:"domain"`
	// Seq is the order number of the change that started this verification, or of
	// the wish for a new one.
	Seq int64 `json:"seq"`
	// Attempt counts from 1 up to the domain's limit: [Change.Attempts], or the number of
	// configured delays.
	Attempt int `json:"attempt"`
	// DueAt is the earliest moment of the attempt, by Redis's clock.
	DueAt time.Time `json:"due_at"`
	// By is the operator who wishes that the verification starts anew, whatever came
	// of the last one; empty for an attempt that follows by itself.
	By string `json:"by,omitempty"`
	// Watch is set in a look at a domain whose verification has ended.
	Watch bool `json:"watch,omitempty"`

	V Version `json:"v"`
}

// EventType says what an event is about.
type EventType string

const (
	// DomainState: a domain's state changed, or a request for it ended.
	DomainState EventType = "domain.state"
	// AppBlocked: nothing goes on for the app until a person acts.
	AppBlocked EventType = "app.blocked"
	// CertificateExpiring: the certificate of a domain that is done ends soon, and
	// wasn't renewed.
	CertificateExpiring EventType = "certificate.expiring"
	// AppRecovered: it goes on for an app that was blocked.
	AppRecovered EventType = "app.recovered"
	// LedgerLost: the ledger is another than the one that workers knew. Who asked for
	// the app's domains has to ask for all of them again.
	LedgerLost EventType = "ledger.lost"
)

// Event is the payload of event:deliver, and the body that the webhook gets.
type Event struct {
	Type  EventType `json:"type"`
	AppID string    `json:"app_id"`

	// Of a domain only.
	Domain string   `json:"domain,omitempty"`
	Seq    int64    `json:"seq,omitempty"` // of the last change that was dealt with
	State  State    `json:"state,omitempty"`
	Names  []string `json:"names,omitempty"`
	SiteID int64    `json:"site_id,omitempty"`
	// CertificateUntil is the end of the certificate that a verification last saw on
	// the domain, valid or not; zero where none was seen.
	CertificateUntil time.Time `json:"certificate_until,omitzero"`

	// Ledger is the identity of the new ledger, of LedgerLost only.
	Ledger string `json:"ledger,omitempty"`

	Reason string `json:"reason"`
	// At is when it happened, by Redis's clock in whole microseconds. Of two events
	// of an app the one with the later time happened later; no two have the same.
	At time.Time `json:"at"`

	V Version `json:"v"`
}

// ErrPayload is wrapped by every error about a payload that no retry can mend.
var ErrPayload = errors.New("bad payload")

// Decode reads a payload of any of this package's types and checks it. Unknown
// fields are ignored, so that a newer producer can talk to an older worker; a
// missing or wrong one is an [ErrPayload] that names the field and the rule, and
// shows no more of the value than a line takes. One of a later form is an [ErrNewer].
func Decode[T Change | Sync | Verify | Event](payload []byte) (T, error) {
	var p T
	if err := json.Unmarshal(payload, &p); err != nil {
		if errors.Is(err, ErrNewer) {
			return p, fmt.Errorf("read the task: %w", err)
		}
		return p, fmt.Errorf("%w: %w", ErrPayload, explain(payload, err))
	}
	if err := any(&p).(interface{ check() error }).check(); err != nil {
		return p, fmt.Errorf("%w: %w", ErrPayload, err)
	}
	return p, nil
}

// explain names the field that json.Unmarshal couldn't read, as far as it can be known.
func explain(payload []byte, err error) error {
	var typeErr *json.UnmarshalTypeError
	if errors.As(err, &typeErr) && typeErr.Field != "" {
		takes := typeErr.Type.String()
		switch typeErr.Type.Kind() {
		case reflect.String:
			takes = "a string"
		case reflect.Int, reflect.Int64:
			takes = "a whole number"
		case reflect.Slice:
			takes = "an array of strings"
		}
		return fmt.Errorf("%s is a JSON %.60s; it takes %s", typeErr.Field, typeErr.Value, takes)
	}
	// The error of a time doesn't say which field it came from.
	var times struct {
		RequestedAt json.RawMessage `json:"requested_at"`
		DueAt       json.RawMessage `json:"due_at"`
		At          json.RawMessage `json:"at"`
	}
	if json.Unmarshal(payload, &times) == nil {
		for field, raw := range map[string]json.RawMessage{"requested_at": times.RequestedAt, "due_at": times.DueAt, "at": times.At} {
			if raw != nil && json.Unmarshal(raw, new(time.Time)) != nil {
				return fmt.Errorf("%s is %.60s; it takes a time as in RFC 3339", field, raw)
			}
		}
	}
	return fmt.Errorf("not the JSON it should be: %w", err)
}

// Encode writes a payload. The types of this package always encode.
func Encode[T Change | Sync | Verify | Event](p T) []byte {
	b, err := json.Marshal(p)
	if err != nil {
		panic("tasks: payload types always encode: " + err.Error()) // only a time beyond year 9999 gets here
	}
	return b
}

var appID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// CheckAppID refuses what can't be the id of a ServerPilot app: ids become part
// of Redis keys and of URLs, so only letters, digits, _ and - are let through,
// 1 to 64 of them.
func CheckAppID(id string) error {
	if !appID.MatchString(id) {
		return fmt.Errorf("app_id is %.80q; it takes 1 to 64 letters, digits, _ or -", id)
	}
	return nil
}

func checkSeq(seq int64) error {
	// Lua, where order numbers are compared, holds whole numbers exactly up to 2^53.
	if seq <= 0 || seq > 1<<53 {
		return fmt.Errorf("seq is %d; it takes an order number from 1 to 2^53", seq)
	}
	return nil
}

// checkDomain also puts the name into its canonical form.
func checkDomain(name *string) error {
	parsed, err := ParseDomain(*name)
	if err != nil {
		return err
	}
	*name = parsed
	return nil
}

// MaxBy is the longest name of an operator, in characters.
const MaxBy = 64

// CheckBy refuses what can't stand as a name in a line of a domain's history. The
// empty string, nobody, is let through.
func CheckBy(by string) error {
	if !utf8.ValidString(by) || utf8.RuneCountInString(by) > MaxBy || strings.ContainsFunc(by, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return fmt.Errorf("by is %.80q; it takes a name of at most %d characters, none of them a control character", by, MaxBy)
	}
	return nil
}

// MaxAttempts is the highest limit of verification attempts of a domain. With the default
// delays the last of 20 comes about four hours after the domain was put on the list.
const MaxAttempts = 20

// CheckAttempts refuses what isn't a limit of verification attempts, 1 to [MaxAttempts].
// 0, not said, is let through.
func CheckAttempts(n int) error {
	if n < 0 || n > MaxAttempts {
		return fmt.Errorf("attempts is %d; it takes a whole number from 1 to %d", n, MaxAttempts)
	}
	return nil
}

func checkCount(field string, n int64) error {
	if n < 1 {
		return fmt.Errorf("%s is %d; it takes a number from 1", field, n)
	}
	return nil
}

func checkTime(field string, t time.Time) error {
	if t.IsZero() {
		return fmt.Errorf("%s is missing; it takes a time as in RFC 3339", field)
	}
	return nil
}

// join makes one line of what is wrong, for asynqmon and the log show it as one.
func join(errs ...error) (all error) {
	for _, err := range errs {
		switch {
		case err == nil:
		case all == nil:
			all = err
		default:
			all = fmt.Errorf("%w; %w", all, err)
		}
	}
	return all
}

func (c *Change) check() error {
	var www error
	if c.WWW != "" {
		_, www = ParseWWW(string(c.WWW))
	}
	return join(CheckAppID(c.AppID), checkDomain(&c.Domain), checkSeq(c.Seq), www, checkTime("requested_at", c.RequestedAt), CheckBy(c.By), CheckAttempts(c.Attempts))
}

func (s *Sync) check() error {
	count := checkCount("wake", s.Wake)
	if s.Hour != 0 {
		count = checkCount("hour", s.Hour)
	}
	return join(CheckAppID(s.AppID), count)
}

func (v *Verify) check() error {
	return join(CheckAppID(v.AppID), checkDomain(&v.Domain), checkSeq(v.Seq),
		checkCount("attempt", int64(v.Attempt)), checkTime("due_at", v.DueAt), CheckBy(v.By))
}

func (e *Event) check() error {
	var kind, domain, state error
	switch e.Type {
	case DomainState, CertificateExpiring:
		domain = join(checkDomain(&e.Domain), checkSeq(e.Seq))
		if !e.State.Valid() {
			state = fmt.Errorf("state is %.80q; it takes one of %v", e.State, States())
		}
	case AppBlocked, AppRecovered, LedgerLost:
	default:
		kind = fmt.Errorf("type is %.80q; it takes %s, %s, %s, %s or %s", e.Type, DomainState, CertificateExpiring, AppBlocked, AppRecovered, LedgerLost)
	}
	if len(e.Names) == 0 {
		e.Names = nil // as it comes back from being encoded
	}
	return join(kind, CheckAppID(e.AppID), domain, state, checkTime("at", e.At))
}
