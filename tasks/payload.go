package tasks

import (
	"fmt"
	"time"
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
	// Seq is the change's order number within the app, taken from Redis when the change was
	// enqueued. It is microseconds since 1970, raised where two would be equal. The change with
	// the higher number is the later one.
	Seq int64 `json:"seq"`
	// WWW overrides the worker's setting for this domain; empty leaves it to the setting.
	WWW WWW `json:"www,omitempty"`
	// SiteID is WordPress's id of the domain's site, for events; 0 where there is none.
	SiteID int64 `json:"site_id,omitempty"`
	// RequestedAt is when the order number was taken, by Redis's clock.
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
	// Wake is the number of the wake that this task belongs to, from 1; 0 if Hour is set. An
	// app is woken when it needs a sync, and its ledger counts its wakes.
	Wake int64 `json:"wake"`
	// Hour is set in the hourly reconciliation, which detects drift even if nothing is pending:
	// hours since 1970, by an offset of the app's own.
	Hour int64 `json:"hour,omitempty"`

	V Version `json:"v"`
}

// Verify is the payload of ssl:verify: one attempt to verify a domain, or one recheck of it.
type Verify struct {
	AppID  string `json:"app_id"`
	Domain string `json:"domain"`
	// Seq is the order number of the change that started this verification, or of the
	// request that restarted it. If rechecks failed, the worker restarts it by a number that
	// it makes from the time.
	Seq int64 `json:"seq"`
	// Attempt counts from 1 up to the domain's limit: [Change.Attempts], or the number of
	// configured delays. It is 1 in a recheck, which isn't counted.
	Attempt int `json:"attempt"`
	// DueAt is the earliest moment of the attempt or recheck, by Redis's clock.
	DueAt time.Time `json:"due_at"`
	// By is the operator who restarted the verification; empty in every other attempt.
	By string `json:"by,omitempty"`
	// Recheck is set in the check of a domain whose verification has ended.
	Recheck bool `json:"watch,omitempty"`
	// Unanswered: DNS gave no usable answer for one of the domain's names in the last check.
	Unanswered bool `json:"unanswered,omitempty"`

	V Version `json:"v"`
}

// EventType is the kind of an event.
type EventType string

const (
	// DomainState: a domain's state changed, or a request for it ended.
	DomainState EventType = "domain.state"
	// AppBlocked: syncs of the app can't succeed until a person acts.
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
	// Warnings are the causes of the domain's other names that don't work, or soon stop working.
	Warnings []Cause `json:"warnings,omitempty"`
	// At is when it happened, by Redis's clock in whole microseconds. No two events of an
	// app have the same time, and their times are in the order of the events.
	At time.Time `json:"at"`

	V Version `json:"v"`
}
