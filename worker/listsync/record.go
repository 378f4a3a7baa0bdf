package listsync

import (
	"slices"
	"strings"
	"time"

	"pilotsync/tasks"
)

// Record is what the ledger has of one domain once a sync has processed it.
type Record struct {
	Domain string `json:"domain"`
	// Seq is the order number of the last change that was processed.
	Seq int64 `json:"seq"`
	// Wanted: the last request was an addition and was not refused.
	Wanted bool `json:"wanted"`
	// Since is the order number of the addition that made the domain wanted. Another
	// addition changes it only after a removal.
	Since int64 `json:"since,omitempty"`
	// AddSeq is the order number of the domain's last addition, if that isn't Since.
	// A removal of its www form by name counts only if it is later.
	AddSeq int64 `json:"add_seq,omitempty"`
	// WWW is the rule by which the domain was listed. It is resolved when the change is
	// processed, so a changed setting alone changes no list.
	WWW    tasks.WWW   `json:"www,omitempty"`
	SiteID int64       `json:"site_id,omitempty"`
	State  tasks.State `json:"state"`
	// Names are those of its names that are on the list, the domain first. A removed domain
	// has those that it had, and a rejected one those that it would have.
	Names []string `json:"names"`
	// Cause explains State, and Warnings say what the last verification found wrong with
	// its other names.
	tasks.Cause
	Warnings []tasks.Cause `json:"warnings,omitempty"`
	// OldReason explains State in a record of an earlier release, which has no Cause.
	OldReason string `json:"reason,omitempty"`

	// CheckSeq identifies the verification: [tasks.Verify.Seq] of its attempts and rechecks.
	CheckSeq int64 `json:"check_seq,omitempty"`
	// Attempt is the number of attempts made so far.
	Attempt int `json:"attempt"`
	// Attempts is the limit of attempts in the domain's last addition; 0 means the worker's
	// setting.
	Attempts int `json:"attempts,omitempty"`
	// Limit is the verification's limit of attempts, for readers; 0 if a worker of an
	// earlier release wrote the record.
	Limit int `json:"limit,omitempty"`
	// SeenPointing: in an attempt of this verification, DNS pointed to the app's server, or the
	// domain worked behind a proxy.
	SeenPointing bool `json:"pointed_here,omitempty"`
	// DNS is what the last check saw in DNS; nil if there was none, if a worker of an earlier
	// release made it, or if it isn't known where the names should point.
	DNS           *tasks.SeenDNS `json:"dns,omitempty"`
	Certificate   *Cert          `json:"certificate,omitempty"`
	RequestedAt   time.Time      `json:"requested_at"`
	UpdatedAt     time.Time      `json:"updated_at"`
	AttemptAt     *time.Time     `json:"attempt_at,omitempty"`
	NextAttemptAt *time.Time     `json:"next_attempt_at,omitempty"`

	// A domain whose verification has ended is rechecked.
	EndedAt   *time.Time `json:"ended_at,omitempty"` // when it ended
	RecheckAt *time.Time `json:"watch_at,omitempty"` // when the next recheck is due
	// FailedRechecks counts the failed rechecks in a row of a domain that is done.
	FailedRechecks int `json:"misses,omitempty"`
	// ExpiryNotified is the certificate's end that an event has already warned of.
	ExpiryNotified *time.Time `json:"expiry_told,omitempty"`

	V tasks.Version `json:"v"`

	// Version is the JSON that was read. A commit replaces the record only if the ledger
	// still has exactly this; empty means that there was no record.
	Version string `json:"-"`
}

// ClearRecheck clears the fields that only a domain with an ended verification has.
func (r *Record) ClearRecheck() {
	r.EndedAt, r.RecheckAt, r.FailedRechecks, r.ExpiryNotified = nil, nil, 0, nil
}

// Explain replaces the record's explanation.
func (r *Record) Explain(cause tasks.Cause, warnings ...tasks.Cause) {
	r.Cause, r.Warnings, r.OldReason = cause, warnings, ""
}

// Reason returns the record's explanation in words, a clause without a full stop.
func (r Record) Reason() string {
	if r.Code == "" {
		return r.OldReason
	}
	reason := r.Sentence()
	for _, w := range r.Warnings {
		reason += "; warning: " + w.Sentence()
	}
	return reason
}

// Problems returns the causes of the names that don't work, or soon stop working. The domain's
// own comes first.
func (r Record) Problems() (all []tasks.Cause) {
	if r.IsProblem() {
		all = append(all, r.Cause)
	}
	return append(all, r.Warnings...)
}

// Remedy says what to do about the record's problems, in full sentences. Without a problem
// it is what to do while the domain is checked, and then empty. It shadows
// [tasks.Cause.Remedy], the remedy of the cause alone.
func (r Record) Remedy() string {
	var remedies []string
	for _, problem := range r.Problems() {
		if remedy := problem.Remedy(); remedy != "" && !slices.Contains(remedies, remedy) {
			remedies = append(remedies, remedy)
		}
	}
	if len(remedies) == 0 && r.State.Checking() {
		return r.Cause.Remedy()
	}
	return strings.Join(remedies, " ")
}

// Cert is what a verification saw of the certificate of the domain itself.
type Cert struct {
	Issuer    string    `json:"issuer"`
	NotAfter  time.Time `json:"not_after"`
	NotBefore time.Time `json:"not_before,omitzero"` // zero in records of earlier releases
}

// A lifetime of 90 days is assumed of a certificate whose beginning isn't known.
const (
	assumedLifetime = 90 * 24 * time.Hour
	// AssumedAlarm is how long before its end such a certificate is reported.
	AssumedAlarm = assumedLifetime / 4
)

// AlarmAt returns when a certificate that wasn't renewed is reported: a quarter of its lifetime
// is left. Renewal is due when a third is left (letsencrypt.org/docs/integration-guide).
func (c Cert) AlarmAt() time.Time {
	lifetime := c.NotAfter.Sub(c.NotBefore)
	if c.NotBefore.IsZero() {
		lifetime = assumedLifetime
	}
	return c.NotAfter.Add(-lifetime / 4)
}
