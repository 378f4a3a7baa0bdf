package dashboard

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"
)

// Role is what a user may do.
type Role int

const (
	View Role = iota + 1 // see everything
	Act                  // also verify, add, remove, pause, resume, and change tasks in asynqmon
)

// User is the sender of a request. The name is empty without a login.
type User struct {
	Name string
	Role Role
}

type userKey struct{}

// userOf returns the user of a request that passed [Dashboard.login]. For any other request
// it returns a user without rights.
func userOf(ctx context.Context) User {
	user, _ := ctx.Value(userKey{}).(User)
	return user
}

// requireAct has refuse answer users without the role [Act].
func requireAct(refuse, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if userOf(r.Context()).Role != Act {
			refuse(w, r)
			return
		}
		next(w, r)
	}
}

const actHint = "To act, a user's line in the password file (PILOTSYNC_AUTH) must end in :act.\n"

// login checks the password by HTTP Basic, which needs no sessions that workers would have
// to share. Without users it accepts every request.
func (s *Dashboard) login(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user := User{Role: s.cfg.Open}
		if s.cfg.Users != nil {
			if user = s.authenticate(w, r); user.Role == 0 {
				return
			}
		}
		keepConnection(r.Context())
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), userKey{}, user)))
	})
}

// authenticate returns the sender of a request. If there is none, it responds to the
// request itself, and the returned user has no role.
func (s *Dashboard) authenticate(w http.ResponseWriter, r *http.Request) User {
	name, password, ok := r.BasicAuth()
	if !ok {
		challenge(w, r, "The dashboard needs a name and a password.\n")
		return User{}
	}
	sender := clientAddress(trustedProxies(s.cfg.TrustedProxies).sender(r))
	user, wait, err := s.cfg.Users.check(r.Context(), sender, name, password)
	switch {
	case wait > 0:
		seconds := int(math.Ceil(wait.Seconds()))
		w.Header().Set("Retry-After", strconv.Itoa(seconds))
		writeRefusal(w, r, http.StatusTooManyRequests, fmt.Sprintf("Too many wrong passwords: try again in %s.\n", time.Duration(seconds)*time.Second))
	case err != nil:
		// The name isn't logged, because people sometimes type a password there.
		s.log.WithField("address", sender).Warn("dashboard: wrong name or password")
		challenge(w, r, "Wrong name or password.\n")
	}
	return user
}

func challenge(w http.ResponseWriter, r *http.Request, cause string) {
	w.Header().Set("Www-Authenticate", `Basic realm="pilotsync", charset="UTF-8"`)
	writeRefusal(w, r, http.StatusUnauthorized, cause)
}

// clientAddress identifies a sender for the rate limit: an IPv4 address, or the /64 of an IPv6
// address. One customer has at least a /64.
func clientAddress(remote string) string {
	addr, ok := parseHost(remote)
	if !ok {
		return remote
	}
	if addr.Is4() {
		return addr.String()
	}
	network, err := addr.Prefix(64)
	if err != nil {
		return addr.String()
	}
	return network.String()
}
