package dashboard

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strings"
	"time"
)

// pagePolicy lets a page use its own scripts, style sheets, images and streams,
// and nothing inline.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'none'; " +
	"base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// securityHeaders sets the headers that every answer has. A handler may replace
// Content-Security-Policy and Cache-Control by its own.
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

// sameOrigin refuses what a browser sends for a page of somebody else.
func sameOrigin(next http.Handler) http.Handler {
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		text(w, http.StatusForbidden, "This request came from a page of another site, and is refused.\n")
	}))
	return protection.Handler(next)
}

// loopbackHost reports whether a Host header names this machine. Where there is
// no login, others are refused: a foreign site can make its own name point to
// 127.0.0.1, and its scripts could then read the page (DNS rebinding).
func loopbackHost(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = strings.TrimSuffix(strings.TrimPrefix(hostport, "["), "]")
	}
	addr, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && addr.Unmap().IsLoopback()
}

// livePath is the stream of server-sent events: the one answer that never ends.
const livePath = "/live"

// allowLongStream takes the server's time limits off the stream, and ends it when the
// server stops, which would wait for it otherwise. A handler that writes to it
// sets a deadline of its own for each write ([http.ResponseController]).
func allowLongStream(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != livePath {
			next.ServeHTTP(w, r)
			return
		}
		control := http.NewResponseController(w)
		// net/http ends the request's context when the read deadline passes.
		_ = control.SetReadDeadline(time.Time{}) // a writer without deadlines, as in a test, has none to take off
		_ = control.SetWriteDeadline(time.Time{})
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		if serving, ok := r.Context().Value(servingKey{}).(context.Context); ok {
			defer context.AfterFunc(serving, cancel)()
		}
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// recovered answers 500 for a handler that panics, and logs it once. If the
// answer had begun, the connection is broken off, so that nobody takes it as whole.
func (s *Site) recovered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun := &startedResponse{ResponseWriter: w}
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
			if begun.header {
				panic(http.ErrAbortHandler)
			}
			h := w.Header()
			h.Set("Content-Security-Policy", pagePolicy)
			h.Set("Cache-Control", "no-store")
			for _, name := range []string{"Content-Length", "Content-Encoding", "Etag"} {
				h.Del(name)
			}
			text(w, http.StatusInternalServerError, "Something went wrong here; the log says what.\n")
		}()
		next.ServeHTTP(begun, r)
	})
}

// startedResponse notes whether an answer has begun.
type startedResponse struct {
	http.ResponseWriter
	header bool
}

// WriteHeader implements [http.ResponseWriter].
func (b *startedResponse) WriteHeader(status int) {
	b.header = true
	b.ResponseWriter.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (b *startedResponse) Write(p []byte) (int, error) {
	b.header = true
	return b.ResponseWriter.Write(p)
}

// Unwrap lets [http.ResponseController] find what the server gave.
func (b *startedResponse) Unwrap() http.ResponseWriter { return b.ResponseWriter }

// text answers with a line of plain text.
func text(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body)) // the reader is gone if it fails
}
