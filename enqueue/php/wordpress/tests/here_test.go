//go:build wordpress

package wordpress

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"

	"pilotsync/worker/certcheck"
)

const nonce = "0123456789abcdef_-XYZ"

// here sends a challenge to a host. It returns the status and the signature, or where the
// request is redirected.
func (f *fixture) here(host string, query url.Values) (status int, signature string) {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), requestTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.url+"/wp-json/pilotsync/v1/here?"+query.Encode(), nil)
	if err != nil {
		f.t.Fatal(err)
	}
	req.Host = host
	resp, err := http.DefaultTransport.RoundTrip(req) // follows no redirect
	if err != nil {
		f.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	if to := resp.Header.Get("Location"); to != "" {
		return resp.StatusCode, to
	}
	if cache := resp.Header.Get("Cache-Control"); cache != "no-store" {
		f.t.Errorf("the answer of %s has the header Cache-Control: %q", host, cache)
	}
	var answer struct {
		Pilotsync int
		Signature string
	}
	if err := json.Unmarshal(body, &answer); err != nil || resp.StatusCode == http.StatusOK && (answer.Pilotsync != 1 || len(body) > 1024) {
		f.t.Fatalf("%s answers with %d %s", host, resp.StatusCode, body)
	}
	return resp.StatusCode, answer.Signature
}

func challenge(name, nonce string) url.Values {
	return url.Values{"name": {name}, "nonce": {nonce}}
}

// signedHere has the signatures with the network's secrets, as a worker makes them.
func (f *fixture) signedHere(name string) string {
	f.t.Helper()
	var all []string
	for secret := range strings.FieldsSeq(f.secret) {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
		if err != nil {
			f.t.Fatal(err)
		}
		all = append(all, certcheck.SignChallenge(key, name, nonce))
	}
	return strings.Join(all, " ")
}

// answersChallenge: only names of the network are signed, and only for themselves.
func answersChallenge(f *fixture) {
	f.do(step{"map", "here.example.com", map[string]any{"stage": "done"}}, step{"map", "xn--mnchen-3ya.example.com", map[string]any{"stage": "done"}})
	for _, name := range []string{"here.example.com", "www.here.example.com", "xn--mnchen-3ya.example.com", "network.example.net", "two.network.example.net"} {
		status, signature := f.here(name, challenge(name, nonce))
		if status != http.StatusOK || signature != f.signedHere(name) {
			f.t.Errorf("%s answers with %d %q; want %q", name, status, signature, f.signedHere(name))
		}
	}
	if status, _ := f.here("here.example.com:443", challenge("here.example.com", nonce)); status != http.StatusOK {
		f.t.Errorf("with a port it answers with %d", status)
	}
	for what, query := range map[string]url.Values{
		"another name":    challenge("two.network.example.net", nonce),
		"upper case":      challenge("Here.example.com", nonce),
		"no name":         {"nonce": {nonce}},
		"no nonce":        {"name": {"here.example.com"}},
		"a short nonce":   challenge("here.example.com", nonce[:15]),
		"a long nonce":    challenge("here.example.com", strings.Repeat("x", 65)),
		"a colon in it":   challenge("here.example.com", nonce+":"),
		"a line break":    challenge("here.example.com", nonce+"\n"),
		"a list of names": {"name[]": {"here.example.com"}, "nonce": {nonce}},
	} {
		if status, signature := f.here("here.example.com", query); status != http.StatusNotFound || signature != "" {
			f.t.Errorf("%s is answered with %d %q", what, status, signature)
		}
	}
	f.do(step{"set", "here.example.com", map[string]any{"stage": "checking-dns"}})
	if status, to := f.here("here.example.com", challenge("here.example.com", nonce)); status/100 != 3 || !strings.Contains(to, "wp-signup.php") {
		f.t.Errorf("a site that isn't served answers with %d %q, not with a redirect", status, to)
	}
	f.do(step{"unmap", "here.example.com"}, step{"unmap", "xn--mnchen-3ya.example.com"})
	f.sent()
}
