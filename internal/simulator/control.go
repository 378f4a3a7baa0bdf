package simulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// The control endpoints give other processes access to the methods of [Simulator]. They are
// on the API's port, without authentication, latency or faults. [Remote] is their client.

type historyReport struct {
	Writes []Write      `json:"writes"`
	Calls  map[Call]int `json:"calls"`
}

type behaviourCommand struct {
	Name      string    `json:"name"`
	Behaviour Behaviour `json:"behaviour"`
}

type listCommand struct {
	App     string   `json:"app"`
	Domains []string `json:"domains"`
}

type statusCommand struct {
	App    string `json:"app,omitempty"` // empty for the account
	Status int    `json:"status"`
}

type disconnectCommand struct {
	Since time.Time `json:"since"`
}

func (s *Simulator) handleControl(mux *http.ServeMux) {
	mux.HandleFunc("GET /_simulator/history", func(w http.ResponseWriter, r *http.Request) {
		app := r.FormValue("app")
		writeJSON(w, historyReport{Writes: s.History(app), Calls: s.callsByKind(app)})
	})
	mux.HandleFunc("GET /_simulator/apps", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, s.lists()) })
	mux.HandleFunc("GET /_simulator/overlaps", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, s.Overlaps()) })
	mux.HandleFunc("POST /_simulator/faults", commandHandler(func(f Faults) error {
		if err := f.Check(); err != nil {
			return err
		}
		s.SetFaults(f)
		return nil
	}))
	mux.HandleFunc("POST /_simulator/behaviour", commandHandler(func(o behaviourCommand) error {
		if o.Name == "" {
			return fmt.Errorf("name is missing")
		}
		for _, text := range o.Behaviour.CAA {
			if _, err := caaRecord(".", text); err != nil {
				return err
			}
		}
		s.SetBehaviour(o.Name, o.Behaviour)
		return nil
	}))
	mux.HandleFunc("POST /_simulator/lists", commandHandler(func(o listCommand) error {
		return s.EditByHand(o.App, func([]string) []string { return o.Domains })
	}))
	mux.HandleFunc("POST /_simulator/status", commandHandler(func(o statusCommand) error {
		if err := checkStatus(o.Status); err != nil {
			return err
		}
		if o.App == "" {
			s.SetAccountStatus(o.Status)
			return nil
		}
		if _, known := s.lists()[o.App]; !known {
			return fmt.Errorf("simulator: there is no app %q", o.App)
		}
		s.SetAppStatus(o.App, o.Status)
		return nil
	}))
	mux.HandleFunc("POST /_simulator/disconnect", commandHandler(func(o disconnectCommand) error {
		s.Disconnect(o.Since)
		return nil
	}))
}

func (s *Simulator) lists() map[string][]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	lists := map[string][]string{}
	for a := range s.apps.all() {
		lists[a.id] = append([]string{}, a.list...)
	}
	return lists
}

func (s *Simulator) callsByKind(app string) map[Call]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := map[Call]int{}
	for t, n := range s.calls {
		if app == "" || app == t.app {
			calls[t.call] += n
		}
	}
	return calls
}

func writeJSON(w http.ResponseWriter, data any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(data) // fails only if the client is gone
}

// commandHandler returns a handler that strictly decodes a body and runs the command.
func commandHandler[T any](run func(T) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var command T
		decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
		decoder.DisallowUnknownFields()
		err := decoder.Decode(&command)
		if err == nil {
			err = run(command)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
}
