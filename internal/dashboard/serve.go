package dashboard

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"time"
)

// Time limits of the server: nobody holds a connection open for nothing.
const (
	headerLimit   = 5 * time.Second
	requestLimit  = 10 * time.Second
	answerLimit   = 30 * time.Second
	idleLimit     = time.Minute
	shutdownLimit = 3 * time.Second
	askLimit      = 10 * time.Second // of ServedAt: a busy machine may take a while
)

// serverName is in the header Server of every answer, whether to a login or not, so
// that another pilotsync knows this one.
const serverName = "pilotsync"

// ServedAt reports whether a pilotsync answers at an address, host:port, within ten
// seconds. Releases before 0.2.0 aren't recognised.
func ServedAt(ctx context.Context, addr string) bool {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, "http://"+addr+"/healthz", nil)
	if err != nil {
		return false
	}
	// No proxy: the question is for this machine. No redirects: they lead to others.
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close() // the answer to HEAD has no body
	return resp.Header.Get("Server") == serverName
}

// servingKey is where a request's context has the one that Serve was given.
type servingKey struct{}

// Serve answers on listener, which it closes, until ctx ends. Then it lets the
// requests in hand finish, for three seconds at most, and returns nil. The stream
// of events has no time limits, and ends with ctx.
func Serve(ctx context.Context, listener net.Listener, h http.Handler, errs *log.Logger) error {
	server := &http.Server{
		Handler: h, ErrorLog: errs,
		BaseContext:       func(net.Listener) context.Context { return context.WithValue(context.Background(), servingKey{}, ctx) },
		ReadHeaderTimeout: headerLimit, ReadTimeout: requestLimit, WriteTimeout: answerLimit, IdleTimeout: idleLimit,
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }() // waited for below
	select {
	case err := <-ended:
		return fmt.Errorf("serve the page on %s: %w", listener.Addr(), err)
	case <-ctx.Done():
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownLimit)
	defer cancel()
	if err := server.Shutdown(limited); err != nil {
		_ = server.Close()
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the page on %s: %w", listener.Addr(), err)
	}
	return nil
}
