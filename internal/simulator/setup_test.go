package simulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func startSimulator(t *testing.T, opt Options) *Simulator {
	t.Helper()
	s, err := Start(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// clock is a clock that advances only by advance.
type clock struct{ offset atomic.Int64 }

func (c *clock) now() time.Time {
	return time.Unix(1_700_000_000, 0).Add(time.Duration(c.offset.Load()))
}
func (c *clock) advance(d time.Duration) { c.offset.Add(int64(d)) }

// result is the result of a call; err is set if there was no complete response.
type result struct {
	status int
	header http.Header
	raw    string
	err    error

	ActionID string          `json:"actionid"`
	Data     json.RawMessage `json:"data"`
	Error    struct {
		Message string `json:"message"`
	} `json:"error"`
}

type appView struct {
	ID      string   `json:"id"`
	Domains []string `json:"domains"`
	SSL     *struct {
		Key   string `json:"key"`
		Auto  bool   `json:"auto"`
		Force bool   `json:"force"`
	} `json:"ssl"`
	AutoSSL *struct {
		Available bool     `json:"available"`
		Domains   []string `json:"domains"`
	} `json:"autossl"`
}

func (r result) app(t *testing.T) appView {
	t.Helper()
	var view appView
	if r.status != http.StatusOK {
		t.Fatalf("status %d, error %v: %s", r.status, r.err, r.raw)
	}
	if err := json.Unmarshal(r.Data, &view); err != nil {
		t.Fatal(err)
	}
	return view
}

// request returns a valid request, which tests may modify.
func request(t *testing.T, s *Simulator, method, path, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.APIURL()+path, bytes.NewBufferString(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Close = true
	r.SetBasicAuth("sim", "sim-key")
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

func send(r *http.Request) (got result) {
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return result{err: err}
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	got = result{status: response.StatusCode, header: response.Header, raw: string(raw), err: err}
	if err == nil {
		got.err = json.Unmarshal(raw, &got)
	}
	return got
}

func call(t *testing.T, s *Simulator, method, path, body string) result {
	t.Helper()
	return send(request(t, s, method, path, body))
}

// write writes app1's list.
func write(t *testing.T, s *Simulator, names ...string) result {
	t.Helper()
	return call(t, s, http.MethodPost, "/apps/app1", listBody(t, names...))
}

func listBody(t *testing.T, names ...string) string {
	t.Helper()
	body, err := json.Marshal(map[string][]string{"domains": append([]string{}, names...)})
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// await waits until a condition holds.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("still waiting for %s", what)
		case <-time.After(time.Millisecond):
		}
	}
}

// unmarshal decodes the data of a call that succeeded.
func unmarshal(r result, into any) error {
	if r.status != http.StatusOK || r.err != nil {
		return fmt.Errorf("status %d: %s (%w)", r.status, r.raw, r.err)
	}
	return json.Unmarshal(r.Data, into)
}
