package dashboard

import (
	"context"
	"net/http"
	"time"

	"pilotsync/internal/redisurl"
)

// readyLimit is how long /readyz waits for Redis.
const readyLimit = 5 * time.Second

// healthMux serves
//
//	/healthz  200 as long as the process runs
//	/readyz   200, or 503 while Redis doesn't answer or refuses the login; blocked accounts don't count
//	/metrics  if metrics is true
//
// The responses contain nothing else, because the client isn't logged in.
func (s *Dashboard) healthMux(metrics bool) *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { writeText(w, http.StatusOK, "alive\n") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), readyLimit)
		defer cancel()
		if err := s.cfg.Redis.Ping(ctx).Err(); err != nil {
			cause := "Redis doesn't answer"
			if _, refused := redisurl.AsRefused(s.cfg.Redis, err); refused {
				cause = "Redis refuses the login"
			}
			writeText(w, http.StatusServiceUnavailable, "not ready: "+cause+"\n")
			return
		}
		writeText(w, http.StatusOK, "ready\n")
	})
	if metrics && s.cfg.Metrics != nil {
		mux.Handle("GET /metrics", s.cfg.Metrics)
	}
	return mux
}
