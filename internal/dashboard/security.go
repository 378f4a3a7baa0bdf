package dashboard

import (
	"context"
	"fmt"
	"html"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"pilotsync/internal/loopback"
)

// pagePolicy allows scripts, style sheets, images and streams of the dashboard, and
// nothing inline.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'none'; " +
	"base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// securityHeaders sets the headers of every response. A handler may replace
// Content-Security-Policy and Cache-Control.
func securityHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Server", serverName)
		h.Set("Content-Security-Policy", pagePolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// sameOrigin refuses a browser's requests from pages of other origins.
func sameOrigin(next http.Handler) http.Handler {
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		writeRefusal(w, r, http.StatusForbidden, "This request came from a page of another site and is refused.\n")
	}))
	return protection.Handler(next)
}

// LoopbackHosts limits a handler that needs no login to requests for this machine by name, or for
// the host that was set, if its listener is on a loopback address. A foreign site can make its own
// name point to 127.0.0.1; a script of it could then read what browsers here can (DNS rebinding).
// Other listeners take any host, since probes and scrapes use addresses that aren't known here.
func LoopbackHosts(listener net.Listener, set string, next http.Handler) http.Handler {
	if listener == nil {
		return next
	}
	if addr, ok := listener.Addr().(*net.TCPAddr); !ok || !addr.IP.IsLoopback() {
		return next
	}
	return securityHeaders(refuseHosts(func(host string) bool { return loopback.Is(host) || set != "" && strings.EqualFold(host, set) },
		"This address answers only under a name of the machine itself, such as localhost or 127.0.0.1.\n", next))
}

// refuseHosts refuses requests for hosts that aren't allowed; a host has no port.
func refuseHosts(allowed func(host string) bool, cause string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = strings.TrimSuffix(strings.TrimPrefix(r.Host, "["), "]")
		}
		if !allowed(host) {
			writeRefusal(w, r, http.StatusForbidden, cause)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// livePath is the stream of server-sent events, the only response that never ends.
const livePath = "/live"

// allowLongStream removes the server's time limits from the stream. It also ends the stream
// when the server stops, since the server would wait for it. The handler sets a deadline for
// each write ([http.ResponseController]). A stream takes no body, for which the server would wait
// without a limit.
func allowLongStream(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path != livePath:
			next.ServeHTTP(w, r)
			return
		case r.Method != http.MethodGet:
			w.Header().Set("Allow", http.MethodGet)
			writeText(w, http.StatusMethodNotAllowed, "The stream takes GET only.\n")
			return
		case r.ContentLength != 0:
			writeText(w, http.StatusBadRequest, "The stream takes no body.\n")
			return
		}
		control := http.NewResponseController(w)
		// net/http ends the request's context when the read deadline passes.
		_ = control.SetReadDeadline(time.Time{}) // a test's writer may have no deadlines
		_ = control.SetWriteDeadline(time.Time{})
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		if serving, ok := r.Context().Value(serveContextKey{}).(context.Context); ok {
			defer context.AfterFunc(serving, cancel)()
		}
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// recoverPanics responds with 500 if a handler panics, and logs the panic once. If the
// response had started, it aborts the connection, so that no client takes it as complete.
func (s *Dashboard) recoverPanics(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tracked := &startedResponse{ResponseWriter: w}
		defer func() {
			cause := recover()
			switch {
			case cause == nil:
				return
			case cause == http.ErrAbortHandler: //nolint:errorlint // net/http compares it so
				panic(cause)
			}
			s.log.WithField("method", r.Method).WithField("path", r.URL.Path).WithField("stack", string(debug.Stack())).
				Error(fmt.Sprint("a page panicked: ", cause))
			if tracked.started {
				panic(http.ErrAbortHandler)
			}
			h := w.Header()
			h.Set("Content-Security-Policy", pagePolicy)
			h.Set("Cache-Control", "no-store")
			for _, name := range []string{"Content-Length", "Content-Encoding", "Etag"} {
				h.Del(name)
			}
			writeText(w, http.StatusInternalServerError, "Internal error; the log has the cause.\n")
		}()
		next.ServeHTTP(tracked, r)
	})
}

// startedResponse records whether the response has started.
type startedResponse struct {
	http.ResponseWriter
	started bool
}

// WriteHeader implements [http.ResponseWriter].
func (r *startedResponse) WriteHeader(status int) {
	r.started = true
	r.ResponseWriter.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (r *startedResponse) Write(p []byte) (int, error) {
	r.started = true
	return r.ResponseWriter.Write(p)
}

// Unwrap gives [http.ResponseController] the server's own writer.
func (r *startedResponse) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// refusal is a page without style sheets, which only users who are logged in can load.
const refusal = `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>%[1]s · pilotsync</title></head>
<body><main><h1>%[1]s</h1><p>%[2]s</p></main></body></html>
`

// writeRefusal responds with a page to browsers, and with plain text to other clients.
func writeRefusal(w http.ResponseWriter, r *http.Request, status int, cause string) {
	if !strings.Contains(r.Header.Get("Accept"), "text/html") {
		writeText(w, status, cause)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, refusal, http.StatusText(status), html.EscapeString(strings.TrimSpace(cause)))
}

// writeText responds with plain text.
func writeText(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body)) // it fails only if the client is gone
}
