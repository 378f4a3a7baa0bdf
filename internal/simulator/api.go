package simulator

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// maxBody bounds a request's body, in bytes. 300 names of 253 bytes are far less.
const maxBody = 1 << 20

// exchange is one API call, from its request to its response.
type exchange struct {
	call       Call
	id         string // of the app, server or action in the path
	request    *http.Request
	body       []byte
	received   time.Time
	callerGone bool   // the connection ended before the call took effect
	write      *Write // its entry in the history, if it wrote a list
	read       *Read  // its entry in the history, if it read an app
}

func (x *exchange) target() target {
	if x.call.isForApp() {
		return target{x.id, x.call}
	}
	return target{call: x.call}
}

// response is the API's response. A status other than 200 comes with a message.
type response struct {
	status     int
	message    string
	data       any
	actionID   string
	retryAfter time.Duration
}

func errorResponse(status int, format string, args ...any) response {
	return response{status: status, message: fmt.Sprintf(format, args...)}
}

func (s *Simulator) startAPI(address string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("listening for the API on %s: %w", address, err)
	}
	s.apiAddr = listener.Addr()
	mux := http.NewServeMux()
	mux.Handle("GET /v1/apps", s.endpoint(ListApps, s.listApps))
	mux.Handle("GET /v1/apps/{id}", s.endpoint(ReadApp, s.readApp))
	mux.Handle("POST /v1/apps/{id}", s.endpoint(WriteList, s.writeList))
	mux.Handle("POST /v1/apps/{id}/ssl", s.endpoint(WriteSSL, s.writeSSL))
	mux.Handle("DELETE /v1/apps/{id}/ssl", s.endpoint(DeleteSSL, s.deleteSSL))
	mux.Handle("GET /v1/servers/{id}", s.endpoint(ReadServer, s.readServer))
	mux.Handle("GET /v1/actions/{id}", s.endpoint(ReadAction, s.readAction))
	mux.HandleFunc("/v1/", func(w http.ResponseWriter, r *http.Request) {
		errorResponse(http.StatusNotFound, "There is no %s %s.", r.Method, r.URL.Path).send(w)
	})
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
// respond is called with the lock held.
func (s *Simulator) endpoint(call Call, respond func(*exchange, *app) response) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			abort() // an incomplete request has no effect
		}
		x := &exchange{call: call, id: r.PathValue("id"), request: r, body: body, received: time.Now()}
		fault := s.nextFault(x.target())
		if fault.Kind == ApplyLate {
			s.applyLate(x, fault, respond)
			abort()
		}
		before, after := s.opt.Latency/2, s.opt.Latency-s.opt.Latency/2
		if call.writes() {
			before, after = s.opt.Latency, 0
		}
		if fault.Kind == Slow {
			before += fault.For
		}
		if !s.waitUntil(fault.Until) {
			abort()
		}
		s.waitOrAbort(before)
		a := s.applyUnlessFailed(x, fault, respond)
		s.waitOrAbort(after)
		s.recordAnswered(x, time.Now()) // before the client can see the response
		a.sendWithFault(w, fault)
	}
}

// applyLate applies a write in the background, after its connection has ended.
func (s *Simulator) applyLate(x *exchange, fault Fault, respond func(*exchange, *app) response) {
	if !x.call.writes() {
		return
	}
	s.running.Go(func() {
		if s.waitUntil(fault.Until) && s.wait(fault.For) {
			x.callerGone = true
			s.apply(x, respond)
			s.recordAnswered(x, x.received)
		}
	})
}

// applyUnlessFailed applies a call, or fails with those faults that prevent its effect.
func (s *Simulator) applyUnlessFailed(x *exchange, fault Fault, respond func(*exchange, *app) response) response {
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
	return s.apply(x, respond)
}

// sendWithFault sends the response, with those faults that come after the effect.
func (a response) sendWithFault(w http.ResponseWriter, fault Fault) {
	switch fault.Kind {
	case DropAfter:
		abort()
	case HTML:
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusBadGateway)
		_, _ = io.WriteString(w, "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>\n")
	case TruncatedJSON:
		a.sendTruncated(w)
	case NoDomains:
		a.withoutDomains().send(w)
	default:
		a.send(w)
	}
}

// apply lets a call take effect. It checks access only now, because the state at the time of
// the effect counts.
func (s *Simulator) apply(x *exchange, respond func(*exchange, *app) response) response {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.accountStatus != 0 {
		return errorResponse(s.accountStatus, "%s.", http.StatusText(s.accountStatus))
	}
	account := s.accountOf(x.request)
	if account == nil {
		return errorResponse(http.StatusUnauthorized, "Invalid client ID or API key.")
	}
	var a *app
	if x.call.isForApp() {
		a = s.apps[x.id]
		if a == nil || !account.has(a.id) {
			return errorResponse(http.StatusNotFound, "App %q does not exist.", x.id)
		}
		if a.status != 0 {
			return errorResponse(a.status, "App %q: %s.", x.id, http.StatusText(a.status))
		}
	}
	if x.request.Method == http.MethodPost {
		if err := checkContentType(x.request.Header); err != nil {
			return errorResponse(http.StatusBadRequest, "%v.", err)
		}
	}
	result := respond(x, a)
	if x.write != nil {
		x.write.Late = x.callerGone || x.request.Context().Err() != nil
	}
	return result
}

func (s *Simulator) accountOf(r *http.Request) *Account {
	id, key, _ := r.BasicAuth()
	for i, account := range s.opt.Accounts {
		if account.ClientID == id && account.APIKey == key {
			return &s.opt.Accounts[i]
		}
	}
	return nil
}

func (a *Account) has(app string) bool { return a.Apps == nil || slices.Contains(a.Apps, app) }

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

func (a response) encode() []byte {
	content := map[string]any{"data": a.data}
	if a.status != 0 {
		content = map[string]any{"error": map[string]string{"message": a.message}}
	} else if a.actionID != "" {
		content["actionid"] = a.actionID
	}
	encoded, err := json.Marshal(content)
	if err != nil {
		panic(err) // can't happen: it has only maps, strings and numbers
	}
	return append(encoded, '\n')
}

func (a response) writeHeader(w http.ResponseWriter, length int) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(length))
	if a.retryAfter > 0 {
		seconds := int64((a.retryAfter + time.Second - 1) / time.Second)
		w.Header().Set("Retry-After", strconv.FormatInt(seconds, 10))
	}
	status := a.status
	if status == 0 {
		status = http.StatusOK
	}
	w.WriteHeader(status)
}

func (a response) send(w http.ResponseWriter) {
	body := a.encode()
	a.writeHeader(w, len(body))
	_, _ = w.Write(body) // fails only if the client is gone
}

// sendTruncated announces the whole response, sends half of it, and aborts.
func (a response) sendTruncated(w http.ResponseWriter) {
	body := a.encode()
	a.writeHeader(w, len(body))
	_, _ = w.Write(body[:len(body)/2])
	_ = http.NewResponseController(w).Flush()
	abort()
}

func (a response) withoutDomains() response {
	switch data := a.data.(type) {
	case map[string]any:
		delete(data, "domains")
	case []map[string]any:
		for _, app := range data {
			delete(app, "domains")
		}
	}
	return a
}
