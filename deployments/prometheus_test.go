package deployments_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pilotsync/test/freeport"
	"pilotsync/test/tether"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server is a prometheus process with a folder and a port of its own.
type server struct {
	t   *testing.T
	url string
}

// binary returns the path of one of the Debian package prometheus's programs, or
// skips the test.
func binary(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("needs %s on PATH (Debian: prometheus): %v", name, err)
	}
	return path
}

// startPrometheus runs a server that scrapes target and evaluates our rules, both
// twice a second.
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
	// Between our look at the port and its taking it, somebody else may have it.
	for range 3 {
		addr, err := freeport.Addr()
		if err != nil {
			t.Fatal(err)
		}
		s := &server{t: t, url: "http://" + addr}
		cmd := tether.Command(exec.Command(program, "--config.file="+config, "--storage.tsdb.path="+t.TempDir(), "--web.listen-address="+addr, "--log.level=warn"))
		cmd.Stdout, cmd.Stderr = t.Output(), t.Output()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan struct{})
		go func() { _ = cmd.Wait(); close(ended) }()
		t.Cleanup(func() {
			_ = cmd.Process.Signal(syscall.SIGTERM)
			select {
			case <-ended:
			case <-time.After(time.Minute):
				_ = cmd.Process.Kill()
				<-ended
			}
		})
		if s.ready(ended) {
			return s
		}
	}
	t.Fatal("prometheus doesn't start")
	return nil
}

// ready waits until the server answers; false if it has ended.
func (s *server) ready(ended <-chan struct{}) bool {
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		if resp, err := http.Get(s.url + "/-/ready"); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return true
			}
		}
		select {
		case <-ended:
			return false
		case <-time.After(50 * time.Millisecond):
		}
	}
	s.t.Fatal("prometheus isn't ready within a minute")
	return false
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
