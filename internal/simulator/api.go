package simulator

import (
	"fmt"
	"io"
	"net/http"
	"time"

	"pilotsync/internal/listen"
)

// maxBody bounds a request's body, in bytes. 300 names of 253 bytes are far less.
const maxBody = 1 << 20

// exchange is one API call, from its request to its response.
type exchange struct {
	route
	id         string // of the resource in the path; empty for calls without one
	request    *http.Request
	body       []byte
	received   time.Time
	callerGone bool // the connection ended before the call took effect

	// Set when the call takes effect.
	account *Account
	app     *app      // of the calls for an app
	given   arguments // of the body
	write   *Write    // its entry in the history, if it wrote a list
	read    *Read     // its entry in the history, if it read an app
}

func (x *exchange) target() target {
	if x.call.isForApp() {
		return target{x.id, x.call}
	}
	return target{call: x.call}
}

func (s *Simulator) startAPI(address string) error {
	listener, err := listen.TCP(address)
	if err != nil {
		return fmt.Errorf("listening for the API on %s: %w", address, err)
	}
	s.apiAddr = listener.Addr()
	mux := http.NewServeMux()
	s.handleAPI(mux)
	s.handleControl(mux)
	s.api = &http.Server{Handler: mux}
	s.serveHTTP(s.api, listener)
	return nil
}

// abort ends the connection without a response.
func abort() { panic(http.ErrAbortHandler) }

// waitOrAbort waits even if the client is gone. It aborts if the simulator was closed.
func (s *Simulator) waitOrAbort(d time.Duration) {
	if !s.wait(d) {
		abort()
	}
}

// endpoint handles every call: it receives, delays, applies and answers it, with its fault.
func (s *Simulator) endpoint(rt route) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			abort() // an incomplete request has no effect
		}
		x := &exchange{route: rt, id: r.PathValue("id"), request: r, body: body, received: time.Now()}
		fault := s.nextFault(x.target())
		if fault.Kind == ApplyLate {
			s.applyLate(x, fault)
			abort()
		}
		before, after := s.opt.Latency/2, s.opt.Latency-s.opt.Latency/2
		if rt.call.writes() {
			before, after = s.opt.Latency, 0
		}
		if fault.Kind == Slow {
			before += fault.For
		}
		if !s.waitUntil(fault.Until) {
			abort()
		}
		s.waitOrAbort(before)
		a := s.applyUnlessFailed(x, fault)
		s.waitOrAbort(after)
		s.recordAnswered(x, time.Now()) // before the client can see the response
		a.sendWithFault(w, fault)
	}
}

// applyLate applies a write in the background, after its connection has ended.
func (s *Simulator) applyLate(x *exchange, fault Fault) {
	if !x.call.writes() {
		return
	}
	s.running.Go(func() {
		if s.waitUntil(fault.Until) && s.wait(fault.For) {
			x.callerGone = true
			s.apply(x)
			s.recordAnswered(x, x.received)
		}
	})
}

// applyUnlessFailed applies a call, or fails with those faults that prevent its effect.
func (s *Simulator) applyUnlessFailed(x *exchange, fault Fault) response {
	switch fault.Kind {
	case Error5xx:
		return errorResponse(http.StatusInternalServerError, "Something unexpected happened.")
	case Error400:
		return errorResponse(http.StatusBadRequest, "This is not allowed.")
	case Error409:
		return errorResponse(http.StatusConflict, "Another change is under way.")
	case Error429:
		a := errorResponse(http.StatusTooManyRequests, "Too many requests.")
		a.retryAfter = fault.For
		return a
	case DropBefore:
		abort()
	}
	return s.apply(x)
}

// apply lets a call take effect. It checks access only now, because the state at the time of
// the effect counts.
func (s *Simulator) apply(x *exchange) response {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.accountStatus != 0 {
		return errorResponse(s.accountStatus, "%s.", http.StatusText(s.accountStatus))
	}
	if x.account = s.accountOf(x.request); x.account == nil {
		return errorResponse(http.StatusUnauthorized, "Invalid client ID or API key.")
	}
	if x.call.isForApp() {
		if x.app = s.apps.get(x.id); x.app == nil || !x.account.hasApp(x.app) {
			return notFound("App", x.id)
		}
		if x.app.status != 0 {
			return errorResponse(x.app.status, "App %q: %s.", x.id, http.StatusText(x.app.status))
		}
	}
	if x.request.Method == http.MethodPost {
		var err error
		if x.given, err = s.readArguments(x); err != nil {
			return s.badRequest(err)
		}
	}
	result := x.respond(s, x)
	if x.write != nil {
		x.write.Late = x.callerGone || x.request.Context().Err() != nil
	}
	return result
}

func (s *Simulator) recordAnswered(x *exchange, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if x.write != nil {
		x.write.AnsweredAt = at
	}
	if x.read != nil {
		x.read.AnsweredAt = at
	}
}
