package simulator

import (
	"fmt"
	"time"
)

// Call is a kind of API call.
type Call string

// The calls the API has.
const (
	ListApps   Call = "list-apps"   // GET /apps
	ReadApp    Call = "read-app"    // GET /apps/:id
	WriteList  Call = "write-list"  // POST /apps/:id
	WriteSSL   Call = "write-ssl"   // POST /apps/:id/ssl
	DeleteSSL  Call = "delete-ssl"  // DELETE /apps/:id/ssl
	ReadServer Call = "read-server" // GET /servers/:id
	ReadAction Call = "read-action" // GET /actions/:id
)

func (c Call) writes() bool { return c == WriteList || c == WriteSSL || c == DeleteSSL }
func (c Call) ofApp() bool  { return c == ReadApp || c.writes() }

// FaultKind is a way in which a call goes wrong.
type FaultKind string

// The faults there are, and whether the call takes effect nevertheless.
const (
	NoFault       FaultKind = ""               // all is well: lets one call pass in a script
	Error5xx      FaultKind = "error-5xx"      // no effect; status 500
	Error429      FaultKind = "error-429"      // no effect; status 429, Retry-After if For isn't 0
	Slow          FaultKind = "slow"           // takes For longer
	HTML          FaultKind = "html"           // takes effect; then a gateway answers 502 with a page
	TruncatedJSON FaultKind = "truncated-json" // takes effect; the connection ends amid the answer
	NoDomains     FaultKind = "no-domains"     // takes effect; the answer lacks "domains"
	DropBefore    FaultKind = "drop-before"    // no effect; the connection ends without an answer
	DropAfter     FaultKind = "drop-after"     // takes effect; the connection ends without an answer
	ApplyLate     FaultKind = "apply-late"     // the connection ends at once; takes effect after For
)

// Fault is one fault for one call.
type Fault struct {
	Kind FaultKind
	For  time.Duration // for the kinds that say so
	// Until, if set, makes the call wait until the channel is closed before it takes
	// effect. A test puts events in order with it, on a machine of any speed.
	Until <-chan struct{}
}

// Faults are random faults: for each kind the probability, 0 to 1, that it
// hits a call. The kinds are tried in the order they stand here, and a call is
// hit by one at most. In JSON durations are whole nanoseconds.
type Faults struct {
	Error5xx      float64 `json:"error_5xx,omitempty"`
	Error429      float64 `json:"error_429,omitempty"`
	Slow          float64 `json:"slow,omitempty"`
	HTML          float64 `json:"html,omitempty"`
	DropBefore    float64 `json:"drop_before,omitempty"`
	DropAfter     float64 `json:"drop_after,omitempty"`
	TruncatedJSON float64 `json:"truncated_json,omitempty"`
	NoDomains     float64 `json:"no_domains,omitempty"`
	// RetryAfter is what a 429 says, in whole seconds rounded up; 0 says nothing.
	RetryAfter time.Duration `json:"retry_after_ns,omitempty"`
	// SlowFor is by how much a slow call is slower.
	SlowFor time.Duration `json:"slow_for_ns,omitempty"`
	// WritesOnly spares the calls that only read.
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
	for _, c := range f.chances() {
		if !(c.probability >= 0 && c.probability <= 1) { // so written for NaN
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

// FailNext makes the next calls of a kind to an app go wrong, the first with
// the first fault and so on; faults set earlier come first. app is empty for
// the calls that are about no app. While any are left, random faults don't
// apply to these calls.
func (s *Simulator) FailNext(app string, call Call, faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := target{app, call}
	s.scripts[t] = append(s.scripts[t], faults...)
}

// arrive counts a call and says what goes wrong with it.
func (s *Simulator) arrive(t target) Fault {
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
