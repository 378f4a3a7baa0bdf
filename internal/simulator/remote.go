package simulator

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Remote controls a simulator in another process through its control endpoints. Its methods
// are those of [Simulator].
type Remote struct {
	base string
}

// NewRemote returns the simulator with the given APIURL.
func NewRemote(apiURL string) *Remote {
	return &Remote{base: strings.TrimSuffix(strings.TrimSuffix(apiURL, "/"), "/v1") + "/_simulator"}
}

// History is [Simulator.History].
func (r *Remote) History(ctx context.Context, app string) ([]Write, error) {
	var report historyReport
	err := r.do(ctx, http.MethodGet, "/history?app="+url.QueryEscape(app), nil, &report)
	return report.Writes, err
}

// Calls is [Simulator.Calls].
func (r *Remote) Calls(ctx context.Context, app string, call Call) (int, error) {
	var report historyReport
	err := r.do(ctx, http.MethodGet, "/history?app="+url.QueryEscape(app), nil, &report)
	return report.Calls[call], err
}

// Lists returns the lists of all apps by app id.
func (r *Remote) Lists(ctx context.Context) (map[string][]string, error) {
	var lists map[string][]string
	err := r.do(ctx, http.MethodGet, "/apps", nil, &lists)
	return lists, err
}

// Overlaps is [Simulator.Overlaps].
func (r *Remote) Overlaps(ctx context.Context) ([]Overlap, error) {
	var overlaps []Overlap
	err := r.do(ctx, http.MethodGet, "/overlaps", nil, &overlaps)
	return overlaps, err
}

// SetFaults is [Simulator.SetFaults]. A value out of range is an error.
func (r *Remote) SetFaults(ctx context.Context, f Faults) error {
	return r.do(ctx, http.MethodPost, "/faults", f, nil)
}

// SetBehaviour is [Simulator.SetBehaviour].
func (r *Remote) SetBehaviour(ctx context.Context, name string, b Behaviour) error {
	return r.do(ctx, http.MethodPost, "/behaviour", behaviourCommand{Name: name, Behaviour: b}, nil)
}

// SetListByHand replaces an app's list as [Simulator.EditByHand] does.
func (r *Remote) SetListByHand(ctx context.Context, app string, domains []string) error {
	return r.do(ctx, http.MethodPost, "/lists", listCommand{App: app, Domains: domains}, nil)
}

// SetAppStatus is [Simulator.SetAppStatus]. An unknown app is an error.
func (r *Remote) SetAppStatus(ctx context.Context, app string, status int) error {
	return r.do(ctx, http.MethodPost, "/status", statusCommand{App: app, Status: status}, nil)
}

// SetAccountStatus is [Simulator.SetAccountStatus].
func (r *Remote) SetAccountStatus(ctx context.Context, status int) error {
	return r.do(ctx, http.MethodPost, "/status", statusCommand{Status: status}, nil)
}

// Disconnect is [Simulator.Disconnect].
func (r *Remote) Disconnect(ctx context.Context, since time.Time) error {
	return r.do(ctx, http.MethodPost, "/disconnect", disconnectCommand{Since: since}, nil)
}

func (r *Remote) do(ctx context.Context, method, path string, command, report any) error {
	var body []byte
	if command != nil {
		var err error
		if body, err = json.Marshal(command); err != nil {
			return fmt.Errorf("simulator: encoding the command for %s: %w", path, err)
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, r.base+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("simulator: %w", err)
	}
	request.Close = true // leaves no idle connection
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("simulator: %w", err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	switch {
	case err != nil:
		return fmt.Errorf("simulator: reading the response of %s: %w", path, err)
	case response.StatusCode >= 300:
		return fmt.Errorf("simulator: %s %s: %s: %s", method, path, response.Status, bytes.TrimSpace(content))
	case report == nil:
		return nil
	}
	if err := json.Unmarshal(content, report); err != nil {
		return fmt.Errorf("simulator: reading the response of %s: %w", path, err)
	}
	return nil
}
