package config

import (
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"pilotsync/internal/keytext"
	"pilotsync/internal/loopback"
	"pilotsync/internal/text"
	"pilotsync/tasks"
	"pilotsync/worker/certcheck"
)

// Parsers of the values of settings. Each error says what the setting takes.

func oneOf(words ...string) func(string) (string, error) {
	return func(value string) (string, error) {
		if !slices.Contains(words, value) {
			given := slices.DeleteFunc(slices.Clone(words), func(w string) bool { return w == "" })
			last := len(given) - 1
			return "", fmt.Errorf("it takes %s or %s", strings.Join(given[:last], ", "), given[last])
		}
		return value, nil
	}
}

func wholeNumber(least, most int) func(string) (int, error) {
	return func(value string) (int, error) {
		n, err := strconv.Atoi(value)
		if err != nil || n < least || n > most {
			return 0, fmt.Errorf("it takes a whole number from %d to %d", least, most)
		}
		return n, nil
	}
}

func parseToggle(value string) (bool, error) {
	switch strings.ToLower(value) {
	case "1", "true", "on", "yes":
		return true, nil
	case "0", "false", "off", "no":
		return false, nil
	}
	return false, errors.New("it takes on or off (also 1 or 0, true or false, yes or no)")
}

// Fields splits a value at its commas; an empty value has no fields.
func Fields(value string) []string {
	if strings.TrimSpace(value) == "" {
		return nil
	}
	all := strings.Split(value, ",")
	for i, f := range all {
		all[i] = strings.TrimSpace(f)
	}
	return all
}

const (
	maxDelays = tasks.MaxAttempts
	minDelay  = time.Second // asynq's clock for delayed tasks ticks in seconds
)

func parseDelays(value string) ([]time.Duration, error) {
	var delays []time.Duration
	all := Fields(value)
	for i, f := range all {
		d, err := time.ParseDuration(f)
		switch {
		case err != nil:
			return nil, fmt.Errorf("%q is no duration; it takes some such as 90s or 4m, separated by commas", f)
		case d < minDelay:
			return nil, fmt.Errorf("%s is too short; each takes %s or more", f, minDelay)
		case i > 0 && d < delays[i-1]:
			return nil, fmt.Errorf("%s follows %s; they must not decrease", f, all[i-1])
		}
		delays = append(delays, d)
	}
	if len(delays) < 1 || len(delays) > maxDelays {
		return nil, fmt.Errorf("there are %d; it takes 1 to %d durations, separated by commas", len(delays), maxDelays)
	}
	return delays, nil
}

// parseKeep parses how long finished tasks are kept.
func parseKeep(value string) (time.Duration, error) {
	const least, most = time.Minute, 720 * time.Hour
	d, err := time.ParseDuration(value)
	if err != nil || d < least || d > most {
		return 0, errors.New("it takes a duration from 1m to 720h")
	}
	return d, nil
}

// parseKeepRemoved parses how long removed domains are kept. A day is the least: tombstones last as
// long.
func parseKeepRemoved(value string) (time.Duration, error) {
	const least, most = 24 * time.Hour, 87600 * time.Hour
	d, err := time.ParseDuration(value)
	if err != nil || d != 0 && d < least || d > most {
		return 0, errors.New("it takes a duration from 24h to 87600h, or 0")
	}
	return d, nil
}

func parseNetworks(value string) ([]netip.Prefix, error) {
	var networks []netip.Prefix
	for _, f := range Fields(value) {
		network, err := netip.ParsePrefix(f)
		if err != nil {
			addr, err := netip.ParseAddr(f)
			if err != nil || addr.Zone() != "" {
				return nil, fmt.Errorf("%q is neither an address nor a network; it takes some such as 198.51.100.4 or 2001:db8::/32, separated by commas", f)
			}
			addr = addr.Unmap()
			network = netip.PrefixFrom(addr, addr.BitLen())
		}
		networks = append(networks, network.Masked())
	}
	return networks, nil
}

// onlyPrefix begins expected addresses that don't include the app's server.
const onlyPrefix = "only:"

// parseExpected reads ADDRESS,… or only:ADDRESS,….
func parseExpected(value string) (certcheck.Expected, error) {
	rest, only := strings.CutPrefix(strings.TrimSpace(value), onlyPrefix)
	networks, err := parseNetworks(rest)
	if err == nil && only && len(networks) == 0 {
		err = errors.New("it names no address; only: takes one or more, such as only:198.51.100.4")
	}
	return certcheck.Expected{Networks: networks, Only: only}, err
}

// parseProxies reads NAME=NETWORK,…;NAME=….
func parseProxies(value string) ([]certcheck.Proxy, error) {
	var proxies []certcheck.Proxy
	for _, entry := range strings.Split(value, ";") {
		name, networks, named := strings.Cut(entry, "=")
		switch name = strings.TrimSpace(name); {
		case strings.TrimSpace(entry) == "":
			continue
		case !named:
			return nil, fmt.Errorf("%q has no name; it takes NAME=NETWORK,NETWORK;NAME=…, such as Fastly=151.101.0.0/16", strings.TrimSpace(entry))
		}
		proxy, err := parseProxy(name, networks)
		if err != nil {
			return nil, err
		}
		proxies = append(proxies, proxy)
	}
	return proxies, nil
}

const maxProxyName = 40 // characters, for sentences that name the provider

func parseProxy(name, networks string) (certcheck.Proxy, error) {
	if name == "" || text.Printable(name) != name || utf8.RuneCountInString(name) > maxProxyName {
		return certcheck.Proxy{}, fmt.Errorf("the name %q is refused; it takes 1 to %d characters, all of them visible", name, maxProxyName)
	}
	prefixes, err := parseNetworks(networks)
	if err != nil {
		return certcheck.Proxy{}, fmt.Errorf("in the networks of %s, %w", name, err)
	}
	if len(prefixes) == 0 {
		return certcheck.Proxy{}, fmt.Errorf("%s has no networks; it takes one or more, such as 151.101.0.0/16", name)
	}
	for _, p := range prefixes {
		if p.Bits() == 0 {
			return certcheck.Proxy{}, fmt.Errorf("in the networks of %s, %s is every address; it takes the provider's own", name, p)
		}
	}
	return certcheck.Proxy{Name: name, Networks: prefixes}, nil
}

func parseDomains(value string) ([]string, error) {
	var domains []string
	for _, f := range Fields(value) {
		domain, err := tasks.ParseDomain(f)
		if err != nil {
			return nil, err
		}
		domains = append(domains, domain)
	}
	return domains, nil
}

func parseAppIDs(value string) ([]string, error) {
	apps := Fields(value)
	if len(apps) == 0 {
		return nil, errors.New("it takes the ids of one or more apps, separated by commas")
	}
	for _, app := range apps {
		if err := tasks.CheckAppID(app); err != nil {
			return nil, err
		}
	}
	return apps, nil
}

// secureURL accepts https, and http to this machine.
func secureURL(value string) (*url.URL, error) {
	const rule = "it takes https://HOST[:PORT][/PATH], or http to a loopback address (127.0.0.0/8, ::1, localhost)"
	u, err := url.Parse(value)
	if err != nil || u.Hostname() == "" || u.User != nil || strings.Contains(value, "#") {
		return nil, errors.New(rule) // not err, which quotes the value
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !loopback.Is(u.Hostname())) {
		return nil, errors.New(rule)
	}
	return u, nil
}

func parseAPIURL(value string) (string, error) {
	u, err := secureURL(value)
	if err != nil {
		return "", err
	}
	if u.RawQuery != "" || u.ForceQuery {
		return "", errors.New("it takes a URL without a query")
	}
	return value, nil
}

func parseWebhookURL(value string) (string, error) {
	if value == "" {
		return "", nil
	}
	_, err := secureURL(value)
	return value, err
}

const secretForm = "it takes one or several of whsec_ and the base64 of 24 bytes or more, separated by spaces"

// WebhookKeys returns the keys of webhook secrets with spaces between them. Its error is a phrase
// about the setting, and doesn't show a secret.
func WebhookKeys(value string) ([][]byte, error) {
	_, keys, err := parseSecrets(value)
	return keys, err
}

// parseSecrets' errors don't show the secrets.
func parseSecrets(value string) (secrets []*standardwebhooks.Webhook, keys [][]byte, err error) {
	all := strings.Fields(value)
	for i, f := range all {
		encoded, ok := strings.CutPrefix(f, "whsec_")
		key, err := base64.StdEncoding.DecodeString(encoded)
		if !ok || err != nil || len(key) < 24 {
			return nil, nil, fmt.Errorf("is wrong in secret %d of %d; %s", i+1, len(all), secretForm)
		}
		secret, err := standardwebhooks.NewWebhook(f)
		if err != nil {
			return nil, nil, fmt.Errorf("is wrong in secret %d of %d; %s", i+1, len(all), secretForm)
		}
		secrets, keys = append(secrets, secret), append(keys, key)
	}
	return secrets, keys, nil
}

const resolverRule = "it takes host[:port] of a resolver, such as 127.0.0.1:5353"

// parseResolver refuses an invalid address of a resolver. The doctor checks whether a resolver
// answers there.
func parseResolver(value string) (string, error) {
	if value == "" {
		return "", nil
	}
	if strings.Contains(value, "://") {
		return "", errors.New("it is a URL, and only plain DNS is spoken; " + resolverRule)
	}
	host, port, err := net.SplitHostPort(value)
	if err != nil { // no port: it may be an IPv6 address with or without brackets
		if strings.HasPrefix(value, "[") != strings.HasSuffix(value, "]") {
			return "", errors.New("one of its two brackets is missing; " + resolverRule)
		}
		host, port = strings.TrimSuffix(strings.TrimPrefix(value, "["), "]"), "53"
	}
	if _, err := wholeNumber(1, 65535)(port); err != nil {
		return "", fmt.Errorf("its port is %q, and ports go from 1 to 65535; %s", port, resolverRule)
	}
	if err := checkResolverHost(host); err != nil {
		return "", fmt.Errorf("%w; %s", err, resolverRule)
	}
	return net.JoinHostPort(host, port), nil
}

func checkResolverHost(host string) error {
	if addr, err := netip.ParseAddr(host); err == nil {
		switch {
		case addr.IsUnspecified():
			return errors.New("no resolver has the address of all interfaces")
		case addr.IsMulticast(), addr == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
			return errors.New("it is the address of many machines, and takes that of one")
		}
		return nil
	}
	switch {
	case host == "":
		return errors.New("it has no host")
	case numeric.MatchString(host):
		return fmt.Errorf("%q is no address, and no host has such a name", host)
	case !hostName.MatchString(host) || len(host) > 253:
		return fmt.Errorf("%q can't be the name of a host", host)
	}
	return nil
}

var (
	// hostName also matches names of local networks, with underscores.
	hostName = regexp.MustCompile(`^[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*\.?$`)
	// numeric matches text that looks like an IPv4 address.
	numeric = regexp.MustCompile(`^[0-9]+(?:\.[0-9]+)*\.?$`)
)

// Text returns a file's content without surrounding white space. Its error is a phrase about
// the file, and doesn't show the content.
func (read ReadFile) Text(file string, form keytext.Form) (string, error) {
	content, err := read(file)
	if err != nil {
		return "", fmt.Errorf("it takes a file that can be read: %w", err)
	}
	text, err := keytext.Clean(string(content), form)
	switch {
	case err != nil:
		return "", fmt.Errorf("the file %w", err)
	case text == "":
		return "", errors.New("the file is empty")
	}
	return text, nil
}

// roots adds the authorities in a PEM file to the system's. It returns nil for no file.
func (read ReadFile) roots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	content, err := read(file)
	if err != nil {
		return nil, fmt.Errorf("it takes a file that can be read: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool() // the machine has no authorities
	}
	if !pool.AppendCertsFromPEM(content) {
		return nil, errors.New("it takes a PEM file with one certificate or more")
	}
	return pool, nil
}
