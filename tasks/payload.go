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
	TypeDomainCheck  = "domain:check"
)

// Queues. Each has its own slots in a worker, so one kind of work never delays another.
const (
	QueueDomains = "domains" // domain:add, domain:remove
	QueueLists   = "lists"   // app:sync
	QueueSSL     = "ssl"     // ssl:verify
	QueueEvents  = "events"  // event:deliver
	QueueChecks  = "checks"  // domain:check
)

// Queues returns the names of all queues.
func Queues() []string { return []string{QueueDomains, QueueLists, QueueSSL, QueueEvents, QueueChecks} }

// WWW is the rule for which domains also get a www form on the list. The values are
// those of Ultimate Multisite's setting auto_create_www_subdomain.
type WWW string

const (
	// WWWAlways: every domain except wildcards and names that start with www.
	WWWAlways WWW = "always"
	// WWWMainOnly: only domains registered directly under a public suffix.
	WWWMainOnly WWW = "main_only"
	// WWWNever: none.
	WWWNever WWW = "never"
)

// ParseWWW accepts the three values of [WWW]. The empty string, which leaves the rule
// to the setting, isn't one of them.
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
	// Seq is the change's order number within the app, taken from Redis when the change
	// was enqueued: microseconds since 1970, raised where two would be equal. The change
	// with the higher number is the later one.
	Seq int64 `json:"seq"`
	// WWW overrides the worker's setting for this domain; empty leaves it to the setting.
	WWW         WWW       `json:"www,omitempty"`
	SiteID      int64     `json:"site_id,omitempty"`
	RequestedAt time.Time `json:"requested_at"`
	// Import takes names that are already on the list into the ledger, unchanged. The
	// domain gets a www form only if the list has it. From then on pilotsync owns both
	// names. Only for domain:add.
	Import bool `json:"adopt,omitempty"`
	// IfListed rejects an import if the domain isn't on the list at the time of the sync.
	// Without IfListed the sync adds it. Only with Import.
	IfListed bool `json:"if_listed,omitempty"`
	// Attempts is the limit of the domain's verification attempts, 1 to [MaxAttempts]; 0
	// leaves it to the worker's setting, the number of its delays. The last addition
	// decides, as for WWW: an addition with 0 restores the setting. As an exception, an
	// import with 0 of a domain that is already desired keeps the limit. Only for
	// domain:add.
	Attempts int `json:"attempts,omitempty"`
	// Verify restarts the verification of a domain that is already listed, with all
	// attempts, the first immediately. Only for domain:add.
	Verify bool `json:"verify,omitempty"`
	// By is the operator's name for the history; empty for WordPress.
	By string `json:"by,omitempty"`

	V Version `json:"v"`
}

// Sync is the payload of app:sync: reconcile one app's list with the ledger.
type Sync struct {
	AppID string `json:"app_id"`
	// Wake is the number of the wake mark that this task belongs to; 0 if Hour is set.
	Wake int64 `json:"wake"`
	// Hour is set in the hourly sync that detects drift even if nothing is pending: hours
	// since 1970.
	Hour int64 `json:"hour,omitempty"`

	V Version `json:"v"`
}

// Verify is the payload of ssl:verify: one verification of one domain.
type Verify struct {
	AppID  string `json:"app_id"`
	Domain string `json:"domain"`
	// Seq is the order number of the change that started this verification, or of the
	// request that restarted it.
	Seq int64 `json:"seq"`
	// Attempt counts from 1 up to the domain's limit: [Change.Attempts], or the number of
	// configured delays.
	Attempt int `json:"attempt"`
	// DueAt is the earliest moment of the attempt, by Redis's clock.
	DueAt time.Time `json:"due_at"`
	// By is the operator who restarted the verification; empty in every other attempt.
	By string `json:"by,omitempty"`
	// Recheck is set in the check of a domain whose verification has ended.
	Recheck bool `json:"watch,omitempty"`

	V Version `json:"v"`
}

// EventType is the kind of an event.
type EventType string

const (
	// DomainState: a domain's state changed, or a request for it ended.
	DomainState EventType = "domain.state"
	// AppBlocked: syncs of the app can't succeed until an operator acts.
	AppBlocked EventType = "app.blocked"
	// CertificateExpiring: the certificate of a domain that is done expires soon and
	// wasn't renewed.
	CertificateExpiring EventType = "certificate.expiring"
	// AppRecovered: a blocked app works again.
	AppRecovered EventType = "app.recovered"
	// LedgerLost: the ledger isn't the one that workers knew. The producer of the app's
	// domains must request all of them again.
	LedgerLost EventType = "ledger.lost"
)

// Event is the payload of event:deliver and the body of the webhook's request.
type Event struct {
	Type  EventType `json:"type"`
	AppID string    `json:"app_id"`

	// Only in events of a domain.
	Domain string   `json:"domain,omitempty"`
	Seq    int64    `json:"seq,omitempty"` // of the last change that was handled
	State  State    `json:"state,omitempty"`
	Names  []string `json:"names,omitempty"`
	SiteID int64    `json:"site_id,omitempty"`
	// CertificateUntil is when the certificate that the last verification saw on the
	// domain expires, valid or not; zero if it saw none.
	CertificateUntil time.Time `json:"certificate_until,omitzero"`

	// Ledger is the identity of the new ledger; only in LedgerLost.
	Ledger string `json:"ledger,omitempty"`

	// Reason describes Cause in words, and Remedy says what to do; see [Causes].
	Reason string `json:"reason"`
	Cause
	Remedy string `json:"remedy,omitempty"`
	// Warnings are the causes of the domain's other names that don't work, or won't soon.
	Warnings []Cause `json:"warnings,omitempty"`
	// At is when it happened, by Redis's clock in whole microseconds. No two events of an
	// app have the same time, and their times are in the order of the events.
	At time.Time `json:"at"`

	V Version `json:"v"`
}

// ErrPayload is wrapped by every error about a payload that no retry can fix.
var ErrPayload = errors.New("bad payload")

// Decode reads and validates a payload of any of this package's types. It ignores unknown
// fields, so newer producers can work with older workers. A missing or wrong field is an
// [ErrPayload] that names the field and the rule, and quotes the value shortened to fit a
// line. A payload of a later version is an [ErrNewer].
func Decode[T Change | Sync | Verify | Event | Check](payload []byte) (T, error) {
	var p T
	if err := json.Unmarshal(payload, &p); err != nil {
		if errors.Is(err, ErrNewer) {
			return p, fmt.Errorf("read the task: %w", err)
		}
		return p, fmt.Errorf("%w: %w", ErrPayload, fieldError(payload, err))
	}
	if err := any(&p).(interface{ check() error }).check(); err != nil {
		return p, fmt.Errorf("%w: %w", ErrPayload, err)
	}
	return p, nil
}

// fieldError names the field that json.Unmarshal couldn't read, if it can be known.
func fieldError(payload []byte, err error) error {
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
	// The error of a time doesn't name its field.
	var times struct {
		RequestedAt json.RawMessage `json:"requested_at"`
		DueAt       json.RawMessage `json:"due_at"`
		At          json.RawMessage `json:"at"`
		AskedAt     json.RawMessage `json:"asked_at"`
	}
	if json.Unmarshal(payload, &times) == nil {
		for field, raw := range map[string]json.RawMessage{"requested_at": times.RequestedAt, "due_at": times.DueAt, "at": times.At, "asked_at": times.AskedAt} {
			if raw != nil && json.Unmarshal(raw, new(time.Time)) != nil {
				return fmt.Errorf("%s is %.60s; it takes a time as in RFC 3339", field, raw)
			}
		}
	}
	return fmt.Errorf("not the JSON it should be: %w", err)
}

// Encode writes a payload. The types of this package always encode.
func Encode[T Change | Sync | Verify | Event | Check](p T) []byte {
	b, err := json.Marshal(p)
	if err != nil {
		panic("tasks: payload types always encode: " + err.Error()) // only a time beyond year 9999 gets here
	}
	return b
}

var appID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// CheckAppID refuses what can't be the id of a ServerPilot app. Ids become part of Redis
// keys and URLs, so they have 1 to 64 letters, digits, _ or -.
func CheckAppID(id string) error {
	if !appID.MatchString(id) {
		return fmt.Errorf("app_id is %.80q; it takes 1 to 64 letters, digits, _ or -", id)
	}
	return nil
}

func checkSeq(seq int64) error {
	// Lua compares order numbers, and its numbers are exact up to 2^53.
	if seq <= 0 || seq > 1<<53 {
		return fmt.Errorf("seq is %d; it takes an order number from 1 to 2^53", seq)
	}
	return nil
}

// checkDomain also replaces the name by its canonical form.
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

// CheckBy refuses what can't be an operator's name in a history entry. It allows the
// empty string, which means that no operator was involved.
func CheckBy(by string) error {
	if !utf8.ValidString(by) || utf8.RuneCountInString(by) > MaxBy || strings.ContainsFunc(by, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return fmt.Errorf("by is %.80q; it takes a name of at most %d characters, none of them a control character", by, MaxBy)
	}
	return nil
}

// MaxAttempts is the highest limit of verification attempts of a domain. With the default
// delays the last of 20 attempts is about four hours after the domain was listed.
const MaxAttempts = 20

// CheckAttempts refuses what isn't a limit of verification attempts, 1 to [MaxAttempts].
// It allows 0, which leaves the limit to the setting.
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

// joinLine joins errors into one line, because asynqmon and the log show one line.
func joinLine(errs ...error) (all error) {
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
	return joinLine(CheckAppID(c.AppID), checkDomain(&c.Domain), checkSeq(c.Seq), www, checkTime("requested_at", c.RequestedAt), CheckBy(c.By), CheckAttempts(c.Attempts))
}

func (s *Sync) check() error {
	count := checkCount("wake", s.Wake)
	if s.Hour != 0 {
		count = checkCount("hour", s.Hour)
	}
	return joinLine(CheckAppID(s.AppID), count)
}

func (v *Verify) check() error {
	return joinLine(CheckAppID(v.AppID), checkDomain(&v.Domain), checkSeq(v.Seq),
		checkCount("attempt", int64(v.Attempt)), checkTime("due_at", v.DueAt), CheckBy(v.By))
}

func (e *Event) check() error {
	var kind, domain, state error
	switch e.Type {
	case DomainState, CertificateExpiring:
		domain = joinLine(checkDomain(&e.Domain), checkSeq(e.Seq))
		if !e.State.Valid() {
			state = fmt.Errorf("state is %.80q; it takes one of %v", e.State, States())
		}
	case AppBlocked, AppRecovered, LedgerLost:
	default:
		kind = fmt.Errorf("type is %.80q; it takes %s, %s, %s, %s or %s", e.Type, DomainState, CertificateExpiring, AppBlocked, AppRecovered, LedgerLost)
	}
	if len(e.Names) == 0 {
		e.Names = nil // as after encoding and decoding
	}
	return joinLine(kind, CheckAppID(e.AppID), domain, state, checkTime("at", e.At))
}
