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

// Time limits of the server, so that idle clients can't hold connections open.
const (
	headerLimit   = 5 * time.Second
	requestLimit  = 10 * time.Second
	writeLimit    = 30 * time.Second
	idleLimit     = time.Minute
	shutdownLimit = 3 * time.Second
	probeLimit    = 10 * time.Second // of ServedAt; long enough for a busy machine
)

// maxHeader bounds a request's header in bytes. Senders without a login have it in memory, too.
const maxHeader = 16 << 10

// serverName is the header Server of every response, with or without a login. ServedAt
// recognises a pilotsync by it.
const serverName = "pilotsync"

// ServedAt reports whether a pilotsync responds at an address, host:port, within ten
// seconds. It doesn't recognise releases before 0.2.0.
func ServedAt(ctx context.Context, addr string) bool {
	ctx, cancel := context.WithTimeout(ctx, probeLimit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, "http://"+addr+"/healthz", nil)
	if err != nil {
		return false
	}
	// No proxy, because the address is on this machine. No redirects: they lead elsewhere.
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close() // a response to HEAD has no body
	return resp.Header.Get("Server") == serverName
}

// serveContextKey is the key of Serve's context in a request's context.
type serveContextKey struct{}

// Serve serves h on listener until ctx ends, and closes listener. Running requests then
// have up to three seconds to finish, and Serve returns nil. The live stream has no time
// limits and ends with ctx. Connections and the size of headers are bounded.
func Serve(ctx context.Context, listener net.Listener, h http.Handler, errs *log.Logger) error {
	bounded := newBoundedListener(listener, errs)
	server := &http.Server{
		Handler: h, ErrorLog: errs, ConnState: bounded.track, ConnContext: bounded.withKeep,
		BaseContext: func(net.Listener) context.Context {
			return context.WithValue(context.Background(), serveContextKey{}, ctx)
		},
		ReadHeaderTimeout: headerLimit, ReadTimeout: requestLimit, WriteTimeout: writeLimit, IdleTimeout: idleLimit,
		MaxHeaderBytes: maxHeader,
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(bounded) }() // waited for below
	select {
	case err := <-ended:
		return fmt.Errorf("serve the dashboard on %s: %w", listener.Addr(), err)
	case <-ctx.Done():
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownLimit)
	defer cancel()
	if err := server.Shutdown(limited); err != nil {
		_ = server.Close()
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the dashboard on %s: %w", listener.Addr(), err)
	}
	return nil
}
