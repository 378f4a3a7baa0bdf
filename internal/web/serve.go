package web

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
)

// Serve answers on listener, which it closes, until ctx ends. Then it lets the
// requests in hand finish, for three seconds at most, and returns nil.
func Serve(ctx context.Context, listener net.Listener, h http.Handler, errs *log.Logger) error {
	server := &http.Server{
		Handler: h, ErrorLog: errs,
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
