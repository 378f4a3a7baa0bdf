package serverpilot

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"time"
)

// CallTimeout is the time limit of every call, connecting and reading included.
const CallTimeout = 20 * time.Second

// maxBody is how much of an answer is read, in bytes; maxAppsBody is the same for all apps of an
// account, each with its certificates.
const (
	maxBody     = 4 << 20
	maxAppsBody = 64 << 20
)

// answer is ServerPilot's answer. problem says why body is missing; nil if it is complete.
type answer struct {
	status  int
	header  http.Header
	body    []byte
	problem error
}

// newTransport uses HTTP/1.1 only: over HTTP/2 a request shares its connection with others,
// and a check at the connection couldn't distinguish them.
func newTransport(config *tls.Config, dial dialFunc) *http.Transport {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         dial,
		TLSClientConfig:     config,
		TLSHandshakeTimeout: CallTimeout,
		IdleConnTimeout:     time.Minute,
		Protocols:           protocols,
	}
}

// read sends a GET over a connection that may be used again.
func (c *Client) read(ctx context.Context, op, id, path string) (a answer, err error) {
	defer c.observed(op, &a, time.Now())
	callCtx, cancel := context.WithTimeout(ctx, CallTimeout)
	defer cancel()
	req, err := c.request(callCtx, http.MethodGet, path, nil)
	if err != nil {
		return answer{}, c.failure(Retry, op, id, err)
	}
	most := maxBody
	if op == OpApps {
		most = maxAppsBody
	}
	if a, err = roundTrip(c.reads, req, most); err != nil {
		return answer{}, c.failure(Retry, op, id, cause(ctx, callCtx, err))
	}
	a.problem = cause(ctx, callCtx, a.problem)
	return a, nil
}

// write sends a POST over a separate connection, and no byte of it after notAfter.
func (c *Client) write(ctx context.Context, op, id, path string, body []byte, notAfter time.Time) (a answer, err error) {
	defer c.observed(op, &a, time.Now())
	guard := newGuard(c.now, notAfter)
	if guard.late() {
		return answer{}, c.failure(Retry, op, id, ErrTooLate)
	}
	limited, cancelLimit := context.WithTimeout(ctx, CallTimeout)
	defer cancelLimit()
	callCtx, cancel := context.WithDeadline(limited, notAfter)
	defer cancel()

	transport := newTransport(c.tls.Clone(), func(_ context.Context, network, addr string) (net.Conn, error) {
		return c.dialGuarded(callCtx, guard, network, addr)
	})
	transport.DisableKeepAlives = true
	// The buffer holds the whole request, so it is sent in one write, or in as few as TLS
	// allows.
	transport.WriteBufferSize = len(body) + 16<<10
	transport.TLSClientConfig.DynamicRecordSizingDisabled = true
	defer transport.CloseIdleConnections()

	traced := httptrace.WithClientTrace(callCtx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { guard.requestStarts() },
	})
	req, err := c.request(traced, http.MethodPost, path, body)
	if err != nil {
		return answer{}, c.failure(Retry, op, id, err)
	}
	a, err = roundTrip(transport, req, maxBody)
	maybeSent := guard.seal()
	switch {
	case err == nil:
		a.problem = cause(ctx, callCtx, a.problem)
		return a, nil
	case maybeSent:
		return answer{}, c.failure(WriteUnknown, op, id, unlessTooLate(cause(ctx, callCtx, err)))
	case ctx.Err() == nil && guard.late():
		return answer{}, c.failure(Retry, op, id, ErrTooLate)
	default:
		return answer{}, c.failure(Retry, op, id, cause(ctx, callCtx, err))
	}
}

// observed is deferred by each call, since the answer is known only then.
func (c *Client) observed(op string, a *answer, began time.Time) {
	c.observe(op, a.status, time.Since(began))
}

// unlessTooLate replaces ErrTooLate, which says that nothing was sent: here a part of a long
// request was sent, and only the rest was stopped.
func unlessTooLate(err error) error {
	if errors.Is(err, ErrTooLate) {
		return errors.New("the write's time was over while it was being sent")
	}
	return err
}

// dialGuarded connects within the call's time limit. ctx is the call's: http.Transport would
// continue to dial after its call.
func (c *Client) dialGuarded(ctx context.Context, guard *guard, network, addr string) (net.Conn, error) {
	conn, err := c.dial(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	// Closing discards what the kernel hasn't sent yet. Otherwise it would try for minutes,
	// and the request could take effect long after its deadline.
	if tcp, ok := conn.(*net.TCPConn); ok {
		if err := tcp.SetLinger(0); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	return &guardedConn{Conn: conn, guard: guard}, nil
}

func (c *Client) request(ctx context.Context, method, path string, body []byte) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("make the request: %w", err)
	}
	req.SetBasicAuth(c.clientID, c.key.reveal())
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", c.userAgent)
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

// roundTrip sends once and reads most bytes of the answer. It follows no redirect: RoundTrip,
// unlike http.Client, never does.
func roundTrip(t *http.Transport, req *http.Request, most int) (answer, error) {
	resp, err := t.RoundTrip(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	a := answer{status: resp.StatusCode, header: resp.Header}
	if a.status == http.StatusSwitchingProtocols {
		return a, nil // its "body" is the connection, which has no end
	}
	a.body, a.problem = io.ReadAll(io.LimitReader(resp.Body, int64(most)+1))
	if len(a.body) > most {
		a.problem = fmt.Errorf("the answer is longer than %d MiB", most>>20)
	}
	if a.problem != nil {
		a.body = nil // an incomplete answer is useless
	}
	return a, nil
}

// cause returns why a call failed: its caller ended it, its time limit was over, or err.
func cause(caller, call context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case caller.Err() != nil:
		return fmt.Errorf("ended by the caller: %w", caller.Err())
	case call.Err() != nil:
		return fmt.Errorf("no answer within the time limit: %w", call.Err())
	case errors.Is(err, os.ErrDeadlineExceeded): // the connection's own, a moment before the context's
		return fmt.Errorf("no answer within the time limit: %w", context.DeadlineExceeded)
	}
	return err
}
