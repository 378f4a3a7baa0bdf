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
	"os"
	"time"

	"pilotsync/internal/config"
	"pilotsync/internal/loopback"
)

// healthyLimit ends the question; a container's own time limit must be longer.
const healthyLimit = 3 * time.Second

// healthyCmd is for images without a shell: the program asks itself.
type healthyCmd struct {
	config.DashboardSettings
	URL string `name:"url" placeholder:"URL" help:"Ask this instead, http on a loopback address; any 2xx is good. Default: /healthz of the address that the settings name."`
}

// Help is shown under the command's own --help.
func (*healthyCmd) Help() string {
	return `Asks the worker or the page that runs beside it with the same settings whether it lives. An address for all interfaces, such as 0.0.0.0:8080 or :8081, is asked on loopback. Of processes that share the default address, the one that has it is asked. It exits with 0 if it lives, 1 if it doesn't, 2 if no address is set.

Examples:

    pilotsync healthy

    pilotsync healthy --health-listen=:8081`
}

// Run asks, and says what it heard.
func (c *healthyCmd) Run(ctx context.Context, s *streams) error {
	// The password file is not for this: it may be another user's to read.
	target := c.URL
	if target == "" {
		p := config.NewParser(os.ReadFile)
		set := c.Addresses(p)
		if err := p.Err(); err != nil {
			return err
		}
		addr := cmp.Or(set.Health, set.Listen)
		if addr == "" {
			return usageError{errors.New("PILOTSYNC_LISTEN (--listen) is off and PILOTSYNC_HEALTH_LISTEN (--health-listen) isn't set, so there is nothing to ask; one of them takes host:port")}
		}
		target = "http://" + onLoopback(addr) + "/healthz"
	} else if u, err := url.Parse(target); err != nil || u.Scheme != "http" || !loopback.Is(u.Hostname()) {
		return usageError{fmt.Errorf("--url is %q; it takes an http URL on a loopback address", target)}
	}
	if err := alive(ctx, target); err != nil {
		return fmt.Errorf("not healthy: %w", err)
	}
	_, err := fmt.Fprintf(s.Out, "healthy: %s\n", target)
	return err
}

// alive returns an error unless target answers with 2xx in time.
func alive(ctx context.Context, target string) error {
	ctx, cancel := context.WithTimeout(ctx, healthyLimit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return err
	}
	// No proxy: the question is for this machine.
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // what it says doesn't matter
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s answers %s", target, resp.Status)
	}
	return nil
}

// onLoopback is where a process that listens at addr can be asked from its own machine.
func onLoopback(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr // the settings' check let it through, so it is asked as it is
	}
	switch ip, err := netip.ParseAddr(host); {
	case host == "", err == nil && ip.IsUnspecified() && ip.Is4():
		host = "127.0.0.1"
	case err == nil && ip.IsUnspecified(): // [::] takes IPv4, too, where the system has both
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}
