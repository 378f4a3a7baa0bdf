package serverpilot

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	"pilotsync/internal/loopback"
)

// Config configures a [Client]. All fields but UserAgent and Observe must be set.
type Config struct {
	// BaseURL is the API's URL, https://api.serverpilot.io/v1 for the real one.
	// Plain http is accepted for loopback addresses only.
	BaseURL  string
	ClientID string
	APIKey   string `json:"-"`
	// UserAgent is sent with every request; "pilotsync" if empty.
	UserAgent string
	// Observe is called after each call with one of the Op constants, the answer's HTTP
	// status (0 without an answer) and the call's duration.
	Observe func(op string, status int, took time.Duration) `json:"-"`
}

// Format writes the configuration without the key, whatever the verb.
func (c Config) Format(f fmt.State, _ rune) {
	scrub := newScrubber(c.ClientID, c.APIKey)
	_, _ = fmt.Fprintf(f, "{BaseURL:%s ClientID:%s APIKey:%s UserAgent:%s}",
		scrub(redactURL(c.BaseURL)), scrub(c.ClientID), redacted, scrub(c.UserAgent))
}

type dialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

// Client calls the API for one account. It is safe for concurrent use.
type Client struct {
	base, clientID, userAgent string
	key                       secret
	scrub                     func(string) string
	reads                     *http.Transport
	observe                   func(op string, status int, took time.Duration)

	// Tests replace these.
	now  func() time.Time
	dial dialFunc
	tls  *tls.Config
}

// New checks the configuration. Its errors name the field and the rule, and never the key.
func New(cfg Config) (*Client, error) {
	if err := checkCredentials(cfg.ClientID, cfg.APIKey); err != nil {
		return nil, fmt.Errorf("serverpilot: %w", err)
	}
	base, err := checkBaseURL(cfg.BaseURL)
	if err != nil {
		return nil, fmt.Errorf("serverpilot: %w", scrubError(newScrubber(cfg.ClientID, cfg.APIKey), err))
	}
	userAgent := cfg.UserAgent
	if userAgent == "" {
		userAgent = "pilotsync"
	}
	if strings.ContainsFunc(userAgent, unicode.IsControl) {
		return nil, errors.New("serverpilot: UserAgent holds a control character; it takes one line of text")
	}
	return newClient(base, cfg, userAgent, &tls.Config{}), nil
}

func newClient(base string, cfg Config, userAgent string, config *tls.Config) *Client {
	dialer := &net.Dialer{Timeout: CallTimeout}
	observe := cfg.Observe
	if observe == nil {
		observe = func(string, int, time.Duration) {}
	}
	return &Client{
		base: base, clientID: cfg.ClientID, userAgent: userAgent,
		key:     newSecret(cfg.APIKey),
		scrub:   newScrubber(cfg.ClientID, cfg.APIKey),
		reads:   newTransport(config, dialer.DialContext),
		observe: observe,
		now:     time.Now,
		dial:    dialer.DialContext,
		tls:     config,
	}
}

// Close closes idle connections. Running calls continue.
func (c *Client) Close() { c.reads.CloseIdleConnections() }

// String names the account and the address.
func (c *Client) String() string {
	return fmt.Sprintf("serverpilot client %s at %s", c.clientID, c.base)
}

func checkCredentials(clientID, key string) error {
	odd := func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }
	switch {
	case clientID == "":
		return errors.New("ClientID is empty; it takes the client id of a ServerPilot account")
	case strings.Contains(clientID, ":"): // perhaps ID:KEY, so it isn't shown
		return errors.New("ClientID holds a colon; it takes the client id alone, the key goes into APIKey")
	case strings.ContainsFunc(clientID, odd):
		return fmt.Errorf("ClientID is %q; it takes no white space and no control character", clientID)
	case key == "":
		return errors.New("APIKey is empty; it takes the API key of the account")
	case strings.ContainsFunc(key, odd):
		return errors.New("APIKey holds white space or a control character; it takes the key alone")
	}
	return nil
}

// checkBaseURL returns the URL without the slash at its end.
func checkBaseURL(raw string) (string, error) {
	const rule = "it takes https://HOST[:PORT][/PATH], or http to a loopback address (127.0.0.0/8, ::1, localhost)"
	u, err := url.Parse(raw)
	if err != nil || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return "", fmt.Errorf("BaseURL is %q; %s", redactURL(raw), rule)
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !loopback.Is(u.Hostname())) {
		return "", fmt.Errorf("BaseURL is %q; %s", redactURL(raw), rule)
	}
	return strings.TrimRight(u.String(), "/"), nil
}

// redactURL removes everything before the @ of a URL with credentials, even if the URL
// can't be parsed.
func redactURL(raw string) string {
	if i := strings.LastIndex(raw, "@"); i >= 0 {
		return redacted + raw[i:]
	}
	return raw
}
