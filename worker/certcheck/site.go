package certcheck

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

const (
	// ChallengePath is where the WordPress plugin answers a challenge.
	ChallengePath = "/wp-json/pilotsync/v1/here"

	siteTimeout   = 5 * time.Second
	maxSiteAnswer = 1 << 10 // bytes
)

// SiteStatus says whether the site behind a proxy proved that it is of this network.
type SiteStatus string

const (
	// NotAsked: there is no secret to prove it with, or the answer proves nothing. It may be a
	// redirect, an outage, or a page of the proxy or of a firewall.
	NotAsked SiteStatus = ""
	// Proven: the site signed the challenge.
	Proven SiteStatus = "proven"
	// OtherSite: the site answered as the plugin does, and signed with another secret.
	OtherSite SiteStatus = "other"
)

// SignChallenge returns the signature by which a site proves that it has a secret, in hex.
// It is for a name that a challenge with this nonce was sent to.
func SignChallenge(secret []byte, name, nonce string) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte("here:" + name + ":" + nonce))
	return hex.EncodeToString(mac.Sum(nil))
}

// askSite sends a challenge to the site behind a proxy, over the address that showed a
// valid certificate. It follows no redirects, and reads 1 KiB at most.
func (c *Checker) askSite(ctx context.Context, name string, address netip.Addr, secrets [][]byte) SiteStatus {
	ctx, cancel := context.WithTimeout(ctx, siteTimeout)
	defer cancel()
	nonce := rand.Text()
	target := url.URL{Scheme: "https", Host: name, Path: ChallengePath, RawQuery: url.Values{"name": {name}, "nonce": {nonce}}.Encode()}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return NotAsked
	}
	request.Header.Set("User-Agent", "pilotsync")
	dialer := net.Dialer{Control: c.control}
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "tcp", netip.AddrPortFrom(address, uint16(c.cfg.Port)).String())
		},
		TLSClientConfig:        &tls.Config{RootCAs: c.cfg.Roots, Time: c.cfg.Now},
		DisableKeepAlives:      true,
		MaxResponseHeaderBytes: 16 << 10,
	}
	response, err := transport.RoundTrip(request) // which follows no redirects
	if err != nil {
		return NotAsked
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxSiteAnswer))
	if err != nil {
		return NotAsked
	}
	return evaluateSite(response.StatusCode, body, name, nonce, secrets)
}

// evaluateSite decides by the answer to a challenge.
func evaluateSite(status int, body []byte, name, nonce string, secrets [][]byte) SiteStatus {
	var answer struct {
		Pilotsync int    `json:"pilotsync"`
		Signature string `json:"signature"`
	}
	if status != http.StatusOK || json.Unmarshal(body, &answer) != nil || answer.Pilotsync != 1 || answer.Signature == "" {
		return NotAsked
	}
	// Both sides may have several secrets while one replaces another.
	for signature := range strings.FieldsSeq(answer.Signature) {
		for _, secret := range secrets {
			if hmac.Equal([]byte(signature), []byte(SignChallenge(secret, name, nonce))) {
				return Proven
			}
		}
	}
	return OtherSite
}
