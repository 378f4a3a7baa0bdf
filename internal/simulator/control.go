package simulator

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// The control endpoints let other processes do what the methods of [Simulator]
// do. They are on the API's port, without authentication, latency or faults.
// [Remote] is their client.

type historyReport struct {
	Writes []Write      `json:"writes"`
	Calls  map[Call]int `json:"calls"`
}

type behaviourOrder struct {
	Name      string    `json:"name"`
	Behaviour Behaviour `json:"behaviour"`
}

type listOrder struct {
	App     string   `json:"app"`
	Domains []string `json:"domains"`
}

func (s *Simulator) handleControl(mux *http.ServeMux) {
	mux.HandleFunc("GET /_simulator/history", func(w http.ResponseWriter, r *http.Request) {
		app := r.FormValue("app")
		reply(w, historyReport{Writes: s.History(app), Calls: s.callsByKind(app)})
	})
	mux.HandleFunc("GET /_simulator/apps", func(w http.ResponseWriter, _ *http.Request) { reply(w, s.lists()) })
	mux.HandleFunc("GET /_simulator/overlaps", func(w http.ResponseWriter, _ *http.Request) { reply(w, s.Overlaps()) })
	mux.HandleFunc("POST /_simulator/faults", order(func(f Faults) error {
		if err := f.Check(); err != nil {
			return err
		}
		s.SetFaults(f)
		return nil
	}))
	mux.HandleFunc("POST /_simulator/behaviour", order(func(o behaviourOrder) error {
		if o.Name == "" {
			return fmt.Errorf("name is missing")
		}
		s.SetBehaviour(o.Name, o.Behaviour)
		return nil
	}))
	mux.HandleFunc("POST /_simulator/lists", order(func(o listOrder) error {
		return s.EditByHand(o.App, func([]string) []string { return o.Domains })
	}))
}

func (s *Simulator) lists() map[string][]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	lists := map[string][]string{}
	for id, a := range s.apps {
		lists[id] = append([]string{}, a.list...)
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

func reply(w http.ResponseWriter, data any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(data) // a caller that has gone misses it
}

// order is a handler that decodes a body strictly and carries it out.
func order[T any](carryOut func(T) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var o T
		decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
		decoder.DisallowUnknownFields()
		err := decoder.Decode(&o)
		if err == nil {
			err = carryOut(o)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
}
