package deployments_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pilotsync/test/freeport"
	"pilotsync/test/harness"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server is a prometheus process with a folder and a port of its own.
type server struct {
	t   *testing.T
	url string
}

// binary returns the path of a program of the Debian package prometheus, or skips the test.
func binary(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("needs %s on PATH (Debian: prometheus): %v", name, err)
	}
	return path
}

// startPrometheus runs a server that scrapes target and evaluates pilotsync's rules, both twice a
// second.
func startPrometheus(t *testing.T, target string) *server {
	t.Helper()
	program := binary(t, "prometheus")
	rules, err := filepath.Abs("prometheus/pilotsync.rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(t.TempDir(), "prometheus.yml")
	text := fmt.Sprintf(`global: {scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 500ms}
rule_files: [%q]
scrape_configs:
  - job_name: pilotsync
    static_configs: [{targets: [%q]}]
`, rules, target)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	// Another process may take the port before the server does.
	for range 3 {
		addr, err := freeport.Addr()
		if err != nil {
			t.Fatal(err)
		}
		s := &server{t: t, url: "http://" + addr}
		p := harness.Start(t, exec.Command(program, "--config.file="+config, "--storage.tsdb.path="+t.TempDir(), "--web.listen-address="+addr, "--log.level=warn"))
		if s.ready(p) {
			return s
		}
	}
	t.Fatal("prometheus doesn't start")
	return nil
}

// ready waits until the server answers; false if it has ended.
func (s *server) ready(p *harness.Process) (ok bool) {
	harness.Await(s.t, "prometheus is ready", func() error {
		if !p.Alive() {
			return nil
		}
		resp, err := http.Get(s.url + "/-/ready")
		if err != nil {
			return err
		}
		_ = resp.Body.Close()
		if ok = resp.StatusCode == http.StatusOK; !ok {
			return errors.New(resp.Status)
		}
		return nil
	})
	return ok
}

// get asks the HTTP API and decodes its data.
func (s *server) get(path string, query url.Values, data any) error {
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/api/v1/"+path+"?"+query.Encode(), nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var answer struct {
		Status, Error string
		Data          json.RawMessage
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return err
	}
	if answer.Status != "success" {
		return fmt.Errorf("%s: %s", answer.Status, answer.Error)
	}
	return json.Unmarshal(answer.Data, data)
}

// query returns the samples of an expression that are numbers.
func (s *server) query(expr string) ([]float64, error) {
	var data struct {
		ResultType string
		Result     []struct{ Value [2]any }
	}
	if err := s.get("query", url.Values{"query": {expr}}, &data); err != nil {
		return nil, err
	}
	var values []float64
	for _, r := range data.Result {
		text, _ := r.Value[1].(string)
		if v, err := strconv.ParseFloat(text, 64); err == nil && !math.IsNaN(v) {
			values = append(values, v)
		}
	}
	return values, nil
}
