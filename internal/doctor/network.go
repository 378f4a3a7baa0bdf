package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"pilotsync/internal/config"
	"pilotsync/worker/certcheck"
)

// checkDNS queries the resolver of verifications. "No such name" is an answer, too.
func checkDNS(ctx context.Context, cfg config.Worker) []Result {
	name := "serverpilot.io"
	if u, err := url.Parse(cfg.APIURL); err == nil {
		if _, err := netip.ParseAddr(u.Hostname()); err != nil && strings.Contains(u.Hostname(), ".") {
			name = u.Hostname()
		}
	}
	resolver, which := &net.Resolver{PreferGo: true}, "the system's resolver"
	remedy := "Check /etc/resolv.conf, or set PILOTSYNC_DNS to a resolver that answers this machine."
	if cfg.Check.DNS != "" {
		which = "the resolver " + cfg.Check.DNS
		remedy = "Set PILOTSYNC_DNS to a resolver that answers this machine, or unset it to ask the system's."
		resolver.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, cfg.Check.DNS)
		}
	}
	limited, cancel := context.WithTimeout(ctx, dnsLimit)
	defer cancel()
	start := time.Now()
	_, err := resolver.LookupNetIP(limited, "ip4", name+".")
	return []Result{evaluateDNS(which, remedy, name, time.Since(start), err)}
}

func evaluateDNS(which, remedy, name string, took time.Duration, err error) Result {
	var dnsErr *net.DNSError
	switch {
	case err == nil, errors.As(err, &dnsErr) && dnsErr.IsNotFound:
		return ok(CheckDNS, fmt.Sprintf("%s answers in %s", which, rounded(took)))
	case dnsErr != nil: // its text names the system's resolver even if another was asked
		err = errors.New(dnsErr.Err)
	}
	return failure(CheckDNS, fmt.Sprintf("%s gives no usable answer about %s: %v", which, name, err), remedy)
}

// client is for one call: it follows no redirect and keeps no connection.
func client() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DisableKeepAlives = true
	return &http.Client{
		Transport:     transport,
		Timeout:       httpLimit,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// answer is the answer to a call.
type answer struct {
	status        int
	date          string // the header of that name
	location      string // the host that a redirect leads to
	body          []byte // the beginning of it
	restAPI       bool   // it names WordPress's REST API, as each of that API's answers does
	before, after time.Time
	err           error // without the URL, which may hold a key
}

func call(ctx context.Context, method, address string) answer {
	a := answer{before: time.Now()}
	req, err := http.NewRequestWithContext(ctx, method, address, nil)
	if err != nil {
		a.err = errors.New("the URL can't be read")
		return a
	}
	req.Header.Set("User-Agent", "pilotsync doctor")
	resp, err := client().Do(req)
	a.after = time.Now()
	if err != nil {
		var whole *url.Error
		if errors.As(err, &whole) {
			err = whole.Err
		}
		a.err = err
		return a
	}
	defer resp.Body.Close()
	a.body, _ = io.ReadAll(io.LimitReader(resp.Body, 64<<10)) // the beginning is enough
	a.status, a.date = resp.StatusCode, resp.Header.Get("Date")
	a.restAPI = strings.Contains(strings.Join(resp.Header.Values("Link"), ","), `rel="https://api.w.org/"`)
	if to, err := resp.Location(); err == nil {
		a.location = to.Host
	}
	return a
}

// checkAPI calls ServerPilot without credentials: any answer shows that it can be
// reached, and has its time.
func checkAPI(ctx context.Context, apiURL string) []Result {
	if apiURL == "" {
		return nil
	}
	a := call(ctx, http.MethodHead, strings.TrimRight(apiURL, "/")+"/apps")
	results := []Result{evaluateAPI(host(apiURL), a)}
	if a.err == nil {
		results = append(results, evaluateAPIClock(a))
	}
	return results
}

func evaluateAPI(host string, a answer) Result {
	var dns *net.DNSError
	switch {
	case errors.As(a.err, &dns):
		return failure(CheckAPI, fmt.Sprintf("DNS can't resolve %s, the host of ServerPilot's API: %s", dns.Name, dns.Err),
			"Check the spelling in SERVERPILOT_API_URL, and this machine's resolver (/etc/resolv.conf).")
	case a.err != nil:
		return failure(CheckAPI, fmt.Sprintf("ServerPilot's API at %s can't be reached: %v", host, a.err),
			"Let this machine connect to port 443 outside (firewall, proxy), and check SERVERPILOT_API_URL.")
	case a.status >= 500:
		return warning(CheckAPI, fmt.Sprintf("ServerPilot's API at %s answers %d", host, a.status), "Try again later; if it stays so, look at ServerPilot's status page. Changes wait meanwhile.")
	}
	return ok(CheckAPI, fmt.Sprintf("ServerPilot's API at %s answers in %s", host, rounded(a.after.Sub(a.before))))
}

func evaluateAPIClock(a answer) Result {
	ahead, uncertainty, err := a.skew()
	if err != nil {
		return warning(CheckAPIClock, "ServerPilot's answer doesn't have its time", "Check by yourself that this machine's clock is right (timedatectl).")
	}
	return evaluateSkew(CheckAPIClock, "ServerPilot's", ahead, uncertainty)
}

// skew returns how far the clock of the header Date is ahead of this machine's, and the
// uncertainty of that.
func (a answer) skew() (ahead, uncertainty time.Duration, err error) {
	at, err := http.ParseTime(a.date)
	if err != nil {
		return 0, 0, fmt.Errorf("the header Date: %w", err)
	}
	at = at.Add(500 * time.Millisecond) // it is cut to the second
	took := a.after.Sub(a.before)
	return at.Sub(a.before.Add(took / 2)), took/2 + 500*time.Millisecond, nil
}

// checkOutbound connects to the addresses that verifications connect to.
func checkOutbound(ctx context.Context, cfg config.Worker, addresses []netip.Addr) []Result {
	slices.SortFunc(addresses, netip.Addr.Compare)
	return each(slices.Compact(addresses), 8, func(addr netip.Addr) Result {
		port := cfg.Check.Port
		if port == 0 {
			port = 443
		}
		if kind := certcheck.NotPublic(addr); kind != "" && !cfg.Check.AllowPrivate {
			return warning(CheckOutbound, fmt.Sprintf("%s isn't a public address (%s), and a worker doesn't connect to it: no certificate there is ever found to be valid", addr, kind),
				"If that is where the sites are, set PILOTSYNC_ALLOW_PRIVATE_ADDRESSES=on; if they are behind another address, set PILOTSYNC_EXPECTED_ADDRESSES.")
		}
		limited, cancel := context.WithTimeout(ctx, connectLimit)
		defer cancel()
		start := time.Now()
		conn, err := new(net.Dialer).DialContext(limited, "tcp", net.JoinHostPort(addr.String(), strconv.Itoa(port)))
		if err == nil {
			_ = conn.Close()
		}
		return evaluateOutbound(addr, port, time.Since(start), err)
	})
}

func evaluateOutbound(addr netip.Addr, port int, took time.Duration, err error) Result {
	switch {
	case err == nil:
		return ok(CheckOutbound, fmt.Sprintf("%s takes connections on port %d, in %s", addr, port, rounded(took)))
	case errors.Is(err, syscall.ECONNREFUSED):
		return warning(CheckOutbound, fmt.Sprintf("%s can be reached, but refuses connections on port %d", addr, port),
			"That is so as long as no site there has a certificate. If one has, look at the server's firewall and web server.")
	}
	return failure(CheckOutbound, fmt.Sprintf("%s can't be reached on port %d: %s", addr, port, reason(err)),
		fmt.Sprintf("Let this machine connect to port %d outside, and check that the server is up; without it no certificate can be seen.", port))
}

// host is a URL's host; the rest may hold a key.
func host(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return "an address that can't be read"
	}
	return u.Host
}
