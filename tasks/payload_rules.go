package tasks

import (
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

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

// checkDomain refuses what isn't a host name, and replaces a valid name by its canonical form.
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
