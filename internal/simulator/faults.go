package simulator

import (
	"fmt"
	"time"
)

// FaultKind is a kind of failure of a call.
type FaultKind string

// The kinds of faults, and whether the call takes effect nevertheless.
const (
	NoFault       FaultKind = ""               // success; in a script it lets one call pass
	Error5xx      FaultKind = "error-5xx"      // no effect; status 500
	Error400      FaultKind = "error-400"      // no effect; status 400
	Error409      FaultKind = "error-409"      // no effect; status 409
	Error429      FaultKind = "error-429"      // no effect; status 429, Retry-After if For isn't 0
	Slow          FaultKind = "slow"           // takes longer, by For
	HTML          FaultKind = "html"           // takes effect; a gateway answers with a 502 page
	TruncatedJSON FaultKind = "truncated-json" // takes effect; the connection ends during the response
	NoDomains     FaultKind = "no-domains"     // takes effect; the response lacks "domains"
	DropBefore    FaultKind = "drop-before"    // no effect; the connection ends without a response
	DropAfter     FaultKind = "drop-after"     // takes effect; the connection ends without a response
	ApplyLate     FaultKind = "apply-late"     // the connection ends immediately; takes effect after For
)

// Fault is one fault for one call.
type Fault struct {
	Kind FaultKind
	For  time.Duration // for the kinds that mention it
	// Until, if set, delays the call's effect until the channel is closed. Tests order events
	// with it, on a machine of any speed.
	Until <-chan struct{}
}

// Faults are random faults: the probability of each kind, 0 to 1. The kinds are tried in the
// order of the fields, and a call has at most one fault. In JSON, durations are whole
// nanoseconds.
type Faults struct {
	Error5xx      float64 `json:"error_5xx,omitempty"`
	Error429      float64 `json:"error_429,omitempty"`
	Slow          float64 `json:"slow,omitempty"`
	HTML          float64 `json:"html,omitempty"`
	DropBefore    float64 `json:"drop_before,omitempty"`
	DropAfter     float64 `json:"drop_after,omitempty"`
	TruncatedJSON float64 `json:"truncated_json,omitempty"`
	NoDomains     float64 `json:"no_domains,omitempty"`
	// ActionError and SSLActionError are the probabilities that an action ends in an error, any
	// or one of a certificate. Its write took effect all the same.
	ActionError    float64 `json:"action_error,omitempty"`
	SSLActionError float64 `json:"ssl_action_error,omitempty"`
	// RetryAfter is the Retry-After of a 429, in whole seconds rounded up; 0 for none.
	RetryAfter time.Duration `json:"retry_after_ns,omitempty"`
	// SlowFor is the additional duration of a slow call.
	SlowFor time.Duration `json:"slow_for_ns,omitempty"`
	// WritesOnly excludes the calls that only read.
	WritesOnly bool `json:"writes_only,omitempty"`
}

type chance struct {
	fault       Fault
	probability float64
}

func (f Faults) chances() []chance {
	return []chance{
		{Fault{Kind: Error5xx}, f.Error5xx},
		{Fault{Kind: Error429, For: f.RetryAfter}, f.Error429},
		{Fault{Kind: Slow, For: f.SlowFor}, f.Slow},
		{Fault{Kind: HTML}, f.HTML},
		{Fault{Kind: DropBefore}, f.DropBefore},
		{Fault{Kind: DropAfter}, f.DropAfter},
		{Fault{Kind: TruncatedJSON}, f.TruncatedJSON},
		{Fault{Kind: NoDomains}, f.NoDomains},
	}
}

// Check returns an error that names the first value out of its range.
func (f Faults) Check() error {
	for _, c := range append(f.chances(), chance{Fault{Kind: "action-error"}, f.ActionError}, chance{Fault{Kind: "ssl-action-error"}, f.SSLActionError}) {
		if !(c.probability >= 0 && c.probability <= 1) { // also true for NaN
			return fmt.Errorf("the probability of %s is %v; it takes 0 to 1", c.fault.Kind, c.probability)
		}
		if c.fault.For < 0 {
			return fmt.Errorf("the duration of %s is %s; it takes 0 or more", c.fault.Kind, c.fault.For)
		}
	}
	return nil
}

// SetFaults replaces the random faults, from the next call on.
func (s *Simulator) SetFaults(f Faults) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = f
}

// FailNext scripts the faults of the next calls of a kind to an app. They follow earlier
// scripted faults. app is empty for calls that belong to no app. Random faults don't apply to
// scripted calls.
func (s *Simulator) FailNext(app string, call Call, faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := target{app, call}
	s.scripts[t] = append(s.scripts[t], faults...)
}

// nextFault counts a call and returns its fault.
func (s *Simulator) nextFault(t target) Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[t]++
	if script := s.scripts[t]; len(script) > 0 {
		s.scripts[t] = script[1:]
		return script[0]
	}
	if s.faults.WritesOnly && !t.call.writes() {
		return Fault{}
	}
	for _, c := range s.faults.chances() {
		if s.random.Float64() < c.probability {
			return c.fault
		}
	}
	return Fault{}
}
