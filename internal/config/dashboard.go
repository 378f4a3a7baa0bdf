package config

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/sirupsen/logrus"

	"pilotsync/internal/dashboard"
	"pilotsync/internal/loopback"
)

// Dashboard has the dashboard's addresses and users.
type Dashboard struct {
	Listen    string           // empty for no dashboard
	IsDefault bool             // Listen is the default: no address was set
	Health    string           // empty for health checks and metrics on Listen
	Users     *dashboard.Users // nil for no login
	BasePath  string           // without a slash at its end; empty for the root
	// TrustedProxies are proxies whose X-Forwarded-For names the sender.
	TrustedProxies []netip.Prefix
}

const defaultListen = "127.0.0.1:8080"

// Parse returns the dashboard's addresses and users.
func (s DashboardSettings) Parse(p *Parser) Dashboard {
	set := s.Addresses(p)
	set.BasePath = parseSetting(p, "PILOTSYNC_BASE_PATH", s.BasePath, parseBasePath)
	set.TrustedProxies = parseSetting(p, "PILOTSYNC_TRUSTED_PROXIES", s.TrustedProxies, parseTrustedProxies)
	set.Users = parseSetting(p, "PILOTSYNC_AUTH", s.Auth, p.read.users)
	if s.Auth == "" && set.Listen != "" && !listensOnLoopback(set.Listen) {
		p.reject("PILOTSYNC_LISTEN", s.Listen, "without a login (PILOTSYNC_AUTH) it takes a loopback address only, such as 127.0.0.1:8080, or off")
	}
	return set
}

// Addresses is Parse without the users, whose file the caller may be unable to read.
func (s DashboardSettings) Addresses(p *Parser) Dashboard {
	return Dashboard{
		Listen: parseSetting(p, "PILOTSYNC_LISTEN", cmp.Or(s.Listen, defaultListen), parseListen), IsDefault: s.Listen == "",
		Health: parseSetting(p, "PILOTSYNC_HEALTH_LISTEN", s.HealthListen, parseHealthListen),
	}
}

// users reads a password file; an empty name is no error.
func (read ReadFile) users(file string) (*dashboard.Users, error) {
	if file == "" {
		return nil, nil
	}
	content, err := read(file)
	if err != nil {
		return nil, fmt.Errorf("it takes a file that can be read: %w", err)
	}
	return dashboard.ParseUsers(content)
}

func listensOnLoopback(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	return err == nil && loopback.Is(host)
}

func parseListen(value string) (string, error) {
	switch {
	case strings.EqualFold(value, "off"):
		return "", nil
	case !IsHostPort(value):
		return "", errors.New("it takes host:port, such as 127.0.0.1:8080, or off")
	}
	return value, nil
}

func parseHealthListen(value string) (string, error) {
	if value != "" && !IsHostPort(value) {
		return "", errors.New("it takes host:port, such as 127.0.0.1:8081 or :8081, or nothing")
	}
	return value, nil
}

// parseBasePath returns a path without a slash at its end. Letters, digits and -._~ are the same in
// every URL, header and page.
func parseBasePath(value string) (string, error) {
	base := strings.TrimSuffix(value, "/")
	if base == "" {
		return "", nil
	}
	rest, ok := strings.CutPrefix(base, "/")
	for _, segment := range strings.Split(rest, "/") {
		ok = ok && segment != "" && strings.Trim(segment, ".") != "" && !strings.ContainsFunc(segment, func(r rune) bool {
			return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-._~", r))
		})
	}
	switch {
	case !ok:
		return "", errors.New("it takes a path such as /pilotsync, of letters, digits and the characters -._~")
	case base == "/healthz" || base == "/readyz" || base == "/metrics":
		return "", errors.New("it takes another path than /healthz, /readyz and /metrics, which stay at the root")
	}
	return base, nil
}

func parseTrustedProxies(value string) ([]netip.Prefix, error) {
	networks, err := parseNetworks(value)
	for _, network := range networks {
		if network.Bits() == 0 {
			return nil, fmt.Errorf("%s is every address; it takes those of your proxies, since their X-Forwarded-For is believed", network)
		}
	}
	return networks, err
}

// IsHostPort reports whether a value is host:port with a port from 0 to 65535. The
// host may be empty.
func IsHostPort(value string) bool {
	_, port, err := net.SplitHostPort(value)
	_, badPort := wholeNumber(0, 65535)(port)
	return err == nil && badPort == nil
}

// Log has the level and format of the log.
type Log struct {
	Level  logrus.Level
	Format string // text, json, or empty: text on a terminal, otherwise json
}

// Parse returns the log's settings.
func (s LogSettings) Parse(p *Parser) Log {
	return Log{
		Level:  parseSetting(p, "PILOTSYNC_LOG_LEVEL", s.LogLevel, parseLogLevel),
		Format: parseSetting(p, "PILOTSYNC_LOG_FORMAT", s.LogFormat, oneOf("text", "json", "")),
	}
}

func parseLogLevel(value string) (logrus.Level, error) {
	level, err := logrus.ParseLevel(value)
	if err != nil {
		return 0, errors.New("it takes panic, fatal, error, warning, info, debug or trace")
	}
	return level, nil
}
