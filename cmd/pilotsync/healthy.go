package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"pilotsync/internal/config"
	"pilotsync/internal/loopback"
	"pilotsync/internal/safefile"
	"pilotsync/internal/terminal"
	"pilotsync/internal/text"
)

// healthyTimeout must be shorter than a container's own time limit.
const healthyTimeout = 3 * time.Second

// healthyCmd is for images without a shell.
type healthyCmd struct {
	config.DashboardSettings
	URL string `name:"url" placeholder:"URL" help:"URL to ask instead, http on a loopback address; any 2xx is healthy. Default: /healthz of the settings' address."`
}

// Help is shown under the command's own --help.
func (*healthyCmd) Help() string {
	return `Checks that the worker or dashboard that runs on this machine with the same settings is alive. An address of all interfaces, such as 0.0.0.0:8080 or :8081, is asked on loopback. Exits with 0 if it is alive, 1 if it isn't, 2 if no address is set.

Examples:

    pilotsync healthy

    pilotsync healthy --health-listen=:8081`
}

// Run asks the process, and prints the result.
func (c *healthyCmd) Run(ctx context.Context, s *terminal.Streams) error {
	// The password file isn't read: another user may own it.
	target := c.URL
	if target == "" {
		p := config.NewParser(safefile.Read)
		set := c.Addresses(p)
		if err := p.Err(); err != nil {
			return err
		}
		addr := cmp.Or(set.Health, set.Listen)
		if addr == "" {
			return usageError{errors.New("PILOTSYNC_LISTEN (--listen) is off and PILOTSYNC_HEALTH_LISTEN (--health-listen) isn't set, so no address can be asked; one of them takes host:port")}
		}
		target = "http://" + onLoopback(addr) + "/healthz"
	} else if u, err := url.Parse(target); err != nil || u.Scheme != "http" || !loopback.Is(u.Hostname()) {
		return usageError{fmt.Errorf("--url is %q; it takes an http URL on a loopback address", text.HostOnly(target))}
	}
	shown := target
	if c.URL != "" {
		shown = text.HostOnly(target)
	}
	if err := checkAlive(ctx, target); err != nil {
		return fmt.Errorf("not healthy: %s: %w", shown, err)
	}
	_, err := fmt.Fprintf(s.Out, "healthy: %s\n", shown)
	return err
}

// checkAlive returns an error unless target answers with 2xx in time.
func checkAlive(ctx context.Context, target string) error {
	ctx, cancel := context.WithTimeout(ctx, healthyTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return err
	}
	// No proxy: the request is for this machine.
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		var whole *url.Error
		if errors.As(err, &whole) {
			return whole.Err // without the URL, which may hold a key
		}
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // only the status matters
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("it answers %s", resp.Status)
	}
	return nil
}

// onLoopback is where a process that listens at addr answers on its own machine.
func onLoopback(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr // the settings' check accepted it
	}
	switch ip, err := netip.ParseAddr(host); {
	case host == "", err == nil && ip.IsUnspecified() && ip.Is4():
		host = "127.0.0.1"
	case err == nil && ip.IsUnspecified():
		host = "::1"
	}
	return net.JoinHostPort(host, port)
}
