package serverpilot

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestNewTakesHTTPSAndLoopbackOnly(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		url string
		ok  bool
	}{
		{"https://api.serverpilot.io/v1", true},
		{"https://api.serverpilot.io/v1/", true},
		{"https://[2001:db8::1]:8443", true},
		{"http://127.0.0.1:8080/v1", true},
		{"http://127.255.3.4", true},
		{"http://[::1]:8080", true},
		{"http://localhost:8080", true},
		{"http://LOCALHOST", true},
		{"http://api.serverpilot.io/v1", false},
		{"http://127.0.0.1.example.com", false},
		{"http://localhost.example.com", false},
		{"http://10.0.0.1", false},
		{"http://0127.0.0.1", false},
		{"http://0.0.0.0", false},
		{"ftp://127.0.0.1", false},
		{"api.serverpilot.io/v1", false},
		{"https://", false},
		{"https://:443", false},
		{"", false},
		{"https://user:" + testKey + "@api.serverpilot.io", false},
		{"https://us er:other-secret@api.serverpilot.io", false},
		{"https://api.serverpilot.io/v1?key=" + testKey, false},
		{"https://api.serverpilot.io/v1#x", false},
		{"https://api.serverpilot.io/\x7f" + testKey, false},
	} {
		t.Run(tc.url, func(t *testing.T) {
			t.Parallel()
			c, err := New(Config{BaseURL: tc.url, ClientID: testClient, APIKey: testKey})
			if (err == nil) != tc.ok {
				t.Fatalf("New: %v, want ok %v", err, tc.ok)
			}
			if err != nil {
				if !strings.Contains(err.Error(), "BaseURL is") || !strings.Contains(err.Error(), "it takes https://") {
					t.Errorf("the error doesn't name the value and the rule: %v", err)
				}
				mustNotLeak(t, err.Error())
				if strings.Contains(err.Error(), "other-secret") {
					t.Errorf("the error shows the URL's password: %v", err)
				}
				return
			}
			if strings.HasSuffix(c.base, "/") {
				t.Errorf("base %q ends with a slash", c.base)
			}
		})
	}
}

func TestNewRefusesCredentialsThatCannotBeRight(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		cfg  Config
		want string
	}{
		"no client id":                {Config{APIKey: testKey}, "ClientID"},
		"client id with a colon":      {Config{ClientID: "cid:" + testKey, APIKey: testKey}, "ClientID"},
		"client id with a line break": {Config{ClientID: "cid\n", APIKey: testKey}, "ClientID"},
		"no key":                      {Config{ClientID: "cid"}, "APIKey"},
		"key with a line break":       {Config{ClientID: "cid", APIKey: testKey + "\n"}, "APIKey"},
		"user agent with line break":  {Config{ClientID: "cid", APIKey: testKey, UserAgent: "a\r\nb"}, "UserAgent"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tc.cfg.BaseURL = "https://api.serverpilot.io/v1"
			_, err := New(tc.cfg)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("New: %v, want an error about %s", err, tc.want)
			}
			mustNotLeak(t, err.Error())
		})
	}
}

func TestNothingPrintsTheKey(t *testing.T) {
	t.Parallel()
	cfg := Config{BaseURL: "https://api.serverpilot.io/v1", ClientID: testClient, APIKey: testKey}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	hidden := struct {
		c   Client
		key secret
		p   *Client
	}{*c, c.key, c} // fmt doesn't ask the methods of unexported fields
	for name, v := range map[string]any{
		"the client": c, "a copy of the client": *c, "the key": c.key, "the configuration": cfg, "hidden in a struct": hidden,
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			t.Run(name+" with "+verb, func(t *testing.T) {
				t.Parallel()
				text := fmt.Sprintf(verb, v)
				mustNotLeak(t, text)
				if strings.Contains(text, fmt.Sprintf("%x", testKey)) {
					t.Errorf("shows the key in hex: %s", text)
				}
			})
		}
		b, err := json.Marshal(v)
		if err != nil {
			b = []byte(err.Error())
		}
		mustNotLeak(t, string(b))
	}
}
