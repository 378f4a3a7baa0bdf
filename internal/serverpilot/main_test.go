package serverpilot

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

const (
	testClient = "cid_test"
	testKey    = "k3yThatMustNeverBeSeen"
	goodApp    = `{"data":{"id":"app1","name":"shop","serverid":"srv1","domains":["a.example.com","b.example.com"],` +
		`"ssl":{"key":"-----BEGIN PRIVATE KEY-----\nMIIE","cert":"-----BEGIN CERTIFICATE-----","auto":false,"force":true},` +
		`"autossl":{"available":true,"domains":["a.example.com"]}}}`
)

func TestMain(m *testing.M) {
	if url := os.Getenv(writerEnv); url != "" {
		os.Exit(writeUntilStdinCloses(url))
	}
	goleak.VerifyTestMain(m)
}

// api is a stand-in for ServerPilot that counts the requests it sees.
type api struct {
	*httptest.Server
	seen atomic.Int32
}

func startAPI(t *testing.T, handler http.HandlerFunc) *api {
	t.Helper()
	a := &api{}
	a.Server = httptest.NewServer(a.counting(handler))
	t.Cleanup(a.Close)
	return a
}

// startTLSAPI also speaks HTTP/2, if a client asks for it.
func startTLSAPI(t *testing.T, handler http.HandlerFunc) *api {
	t.Helper()
	a := &api{}
	a.Server = httptest.NewUnstartedServer(a.counting(handler))
	a.EnableHTTP2 = true
	a.Config.ErrorLog = log.New(io.Discard, "", 0) // handshakes fail on purpose
	a.StartTLS()
	t.Cleanup(a.Close)
	return a
}

func (a *api) counting(handler http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		a.seen.Add(1)
		handler(w, r)
	}
}

// client returns a client that trusts the stand-in's certificate.
func (a *api) client(t *testing.T) *Client {
	t.Helper()
	c := testClientOf(t, a.URL)
	if a.TLS != nil {
		config := a.Server.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
		config.NextProtos = nil
		c.Close()
		c = newClient(c.base, Config{ClientID: testClient, APIKey: testKey}, "test", config)
		t.Cleanup(c.Close)
	}
	return c
}

func testClientOf(t *testing.T, url string) *Client {
	t.Helper()
	c, err := New(Config{BaseURL: url, ClientID: testClient, APIKey: testKey})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func soon() time.Time { return time.Now().Add(time.Minute) }

// answers reads the whole request first; otherwise its answer could come before a
// write that stalls halfway.
func answers(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

// hang never answers. It reads the body first: only then net/http notices that the client hung
// up.
func hang(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}
