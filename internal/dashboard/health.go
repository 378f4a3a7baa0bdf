package dashboard

import (
	"context"
	"net/http"
	"time"

	"pilotsync/internal/redisurl"
)

// readyLimit ends the question whether Redis is there.
const readyLimit = 5 * time.Second

// healthMux serves
//
//	/healthz  200 as long as the process lives
//	/readyz   200, or 503 while Redis doesn't answer or refuses the login; a blocked account is no reason
//	/metrics  if asked for
//
// None of it says more than that, as whoever asks hasn't logged in.
func (s *Site) healthMux(metrics bool) *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { text(w, http.StatusOK, "alive\n") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), readyLimit)
		defer cancel()
		if err := s.cfg.Redis.Ping(ctx).Err(); err != nil {
			why := "Redis doesn't answer"
			if _, refused := redisurl.AsRefused(s.cfg.Redis, err); refused {
				why = "Redis refuses the login"
			}
			text(w, http.StatusServiceUnavailable, "not ready: "+why+"\n")
			return
		}
		text(w, http.StatusOK, "ready\n")
	})
	if metrics && s.cfg.Metrics != nil {
		mux.Handle("GET /metrics", s.cfg.Metrics)
	}
	return mux
}
