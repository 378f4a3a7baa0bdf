package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"pilotsync/internal/retryafter"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// requestTimeout ends one request.
const requestTimeout = 20 * time.Second

// result is how a request ended.
type result int

const (
	canceled  result = iota // the worker canceled the request
	delivered               // the endpoint accepted the event
	gone                    // the endpoint doesn't want events any more
	failing                 // the endpoint fails for any event
	declined                // the endpoint doesn't accept this event
)

// Results are the labels of all results.
func Results() []string {
	var labels []string
	for _, r := range []result{canceled, delivered, gone, failing, declined} {
		labels = append(labels, r.label())
	}
	return labels
}

// label is a result's label in the metrics.
func (r result) label() string {
	switch r {
	case delivered:
		return "delivered"
	case gone:
		return "gone"
	case failing:
		return "failing"
	case declined:
		return "declined"
	}
	return "interrupted"
}

// resultOf returns the result for an HTTP status.
func resultOf(status int) result {
	switch {
	case status >= 200 && status <= 299:
		return delivered
	case status == http.StatusGone:
		return gone
	case status >= 500, status == http.StatusTooManyRequests, status == http.StatusRequestTimeout:
		return failing
	}
	return declined
}

// outcome is the outcome of one request.
type outcome struct {
	result     result
	retryAfter time.Duration // the delay that the webhook asked for; 0 for none
	err        error         // nil if it was delivered; names the host only
}

// post sends a signed body.
func (s *Sender) post(ctx context.Context, to *Endpoint, id string, body []byte) outcome {
	limited, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	req, err := signed(limited, to, id, body, time.Now())
	if err != nil {
		return outcome{result: declined, err: err}
	}
	resp, err := s.client.Do(req)
	if err != nil {
		var withURL *url.Error
		if errors.As(err, &withURL) {
			err = withURL.Err // without the URL, which may hold a key
		}
		o := outcome{result: failing, err: fmt.Errorf("send to the webhook at %s: %w", to.host, err)}
		if ctx.Err() != nil {
			o.result = canceled
		}
		return o
	}
	defer resp.Body.Close()
	// The connection can be reused only if the body was read.
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	o := outcome{result: resultOf(resp.StatusCode), retryAfter: retryafter.Parse(resp.Header, time.Now())}
	switch {
	case o.result == delivered:
	case resp.StatusCode >= 300 && resp.StatusCode <= 399:
		o.err = fmt.Errorf("the webhook at %s answered %d, a redirect, which is not followed: the setting must name the final address", to.host, resp.StatusCode)
	default:
		o.err = fmt.Errorf("the webhook at %s answered %d", to.host, resp.StatusCode)
	}
	return o
}

// signed makes the request, with a signature for each secret.
func signed(ctx context.Context, to *Endpoint, id string, body []byte, now time.Time) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to.URL, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("make the request to the webhook at %s", to.host) // not err, which quotes the URL
	}
	signatures := make([]string, len(to.Secrets))
	for i, secret := range to.Secrets {
		if signatures[i], err = secret.Sign(id, now, body); err != nil {
			return nil, fmt.Errorf("sign event %s: %w", id, err)
		}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "pilotsync")
	req.Header.Set(standardwebhooks.HeaderWebhookID, id)
	req.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	req.Header.Set(standardwebhooks.HeaderWebhookSignature, strings.Join(signatures, " "))
	return req, nil
}
