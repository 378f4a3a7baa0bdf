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

// maxBody bounds a request's body: 300 names of 253 bytes are far less.
const maxBody = 1 << 20

// exchange is one API call from its request to its answer.
type exchange struct {
	call     Call
	id       string // of the app, server or action in the path
	request  *http.Request
	body     []byte
	received time.Time
	left     bool   // the connection was dropped before the call took effect
	write    *Write // the list write it has become
	read     *Read  // the read of an app it has become
}

func (x *exchange) target() target {
	if x.call.ofApp() {
		return target{x.id, x.call}
	}
	return target{call: x.call}
}

// answer is what the API says; a status other than 200 comes with a message.
type answer struct {
	status     int
	message    string
	data       any
	actionID   string
	retryAfter time.Duration
}

func refuse(status int, format string, args ...any) answer {
	return answer{status: status, message: fmt.Sprintf(format, args...)}
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
		refuse(http.StatusNotFound, "There is no %s %s.", r.Method, r.URL.Path).send(w)
	})
	s.handleControl(mux)
	s.api = &http.Server{Handler: mux}
	s.serve(listener, s.api)
	return nil
}

// drop ends the connection without an answer.
func drop() { panic(http.ErrAbortHandler) }

// pause takes a call's time, whether its caller is still there or not.
func (s *Simulator) pause(d time.Duration) {
	if !s.wait(d) {
		drop()
	}
}

// endpoint is the way of every call: received, delayed, carried out, answered,
// with what goes wrong on the way. respond is called with the lock held.
func (s *Simulator) endpoint(call Call, respond func(*exchange, *app) answer) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			drop() // a request that never came in full has no effect
		}
		x := &exchange{call: call, id: r.PathValue("id"), request: r, body: body, received: time.Now()}
		fault := s.arrive(x.target())

		before, after := s.opt.Latency/2, s.opt.Latency-s.opt.Latency/2
		if call.writes() {
			before, after = s.opt.Latency, 0
		}
		switch fault.Kind {
		case Slow:
			before += fault.For
		case ApplyLate:
			if call.writes() {
				s.running.Go(func() {
					if s.waitUntil(fault.Until) && s.wait(fault.For) {
						x.left = true
						s.carryOut(x, respond)
						s.noteAnswered(x, x.received)
					}
				})
			}
			drop()
		}

		if !s.waitUntil(fault.Until) {
			drop()
		}
		s.pause(before)
		var a answer
		switch fault.Kind {
		case Error5xx:
			a = refuse(http.StatusInternalServerError, "Something unexpected happened.")
		case Error429:
			a = refuse(http.StatusTooManyRequests, "Too many requests.")
			a.retryAfter = fault.For
		case DropBefore:
			drop()
		default:
			a = s.carryOut(x, respond)
		}
		s.pause(after)
		s.noteAnswered(x, time.Now()) // before anybody can know of the answer

		switch fault.Kind {
		case DropAfter:
			drop()
		case HTML:
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(http.StatusBadGateway)
			_, _ = io.WriteString(w, "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>\n")
		case TruncatedJSON:
			a.sendHalf(w)
		case NoDomains:
			a.withoutDomains().send(w)
		default:
			a.send(w)
		}
	}
}

// carryOut lets a call take effect. Who may call what is checked here, not
// when the request comes in: what counts is the state it would change.
func (s *Simulator) carryOut(x *exchange, respond func(*exchange, *app) answer) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.accountStatus != 0 {
		return refuse(s.accountStatus, "%s.", http.StatusText(s.accountStatus))
	}
	account := s.accountOf(x.request)
	if account == nil {
		return refuse(http.StatusUnauthorized, "Invalid client ID or API key.")
	}
	var a *app
	if x.call.ofApp() {
		a = s.apps[x.id]
		if a == nil || !account.has(a.id) {
			return refuse(http.StatusNotFound, "App %q does not exist.", x.id)
		}
		if a.status != 0 {
			return refuse(a.status, "App %q: %s.", x.id, http.StatusText(a.status))
		}
	}
	if x.request.Method == http.MethodPost {
		if err := checkContentType(x.request.Header); err != nil {
			return refuse(http.StatusBadRequest, "%v.", err)
		}
	}
	answer := respond(x, a)
	if x.write != nil {
		x.write.Late = x.left || x.request.Context().Err() != nil
	}
	return answer
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

func (s *Simulator) noteAnswered(x *exchange, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if x.write != nil {
		x.write.AnsweredAt = at
	}
	if x.read != nil {
		x.read.AnsweredAt = at
	}
}

func (a answer) encode() []byte {
	content := map[string]any{"data": a.data}
	if a.status != 0 {
		content = map[string]any{"error": map[string]string{"message": a.message}}
	} else if a.actionID != "" {
		content["actionid"] = a.actionID
	}
	encoded, err := json.Marshal(content)
	if err != nil {
		panic(err) // only maps, strings and numbers are in there
	}
	return append(encoded, '\n')
}

func (a answer) writeHeader(w http.ResponseWriter, length int) {
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

func (a answer) send(w http.ResponseWriter) {
	body := a.encode()
	a.writeHeader(w, len(body))
	_, _ = w.Write(body) // a caller that has gone misses it
}

// sendHalf announces the whole answer, sends half of it, and drops the connection.
func (a answer) sendHalf(w http.ResponseWriter) {
	body := a.encode()
	a.writeHeader(w, len(body))
	_, _ = w.Write(body[:len(body)/2])
	_ = http.NewResponseController(w).Flush()
	drop()
}

func (a answer) withoutDomains() answer {
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
