package dashboard

import (
	"context"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"time"
)

// Role is what a user may do.
type Role int

const (
	View Role = iota + 1 // look
	Act                  // and act: verify, add, remove, and change tasks in asynqmon
)

// User is who sent a request. Without a login there is one, without a name.
type User struct {
	Name string
	Role Role
}

type userKey struct{}

// userOf returns the user of a request that came through [Site.login]; for any
// other, one who may nothing.
func userOf(ctx context.Context) User {
	user, _ := ctx.Value(userKey{}).(User)
	return user
}

// mayAct refuses, with 403, those who may only look.
func (s *Site) mayAct(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if userOf(r.Context()).Role != Act {
			text(w, http.StatusForbidden, "You may look at this, but not act. "+whoMayAct)
			return
		}
		next(w, r)
	}
}

const whoMayAct = "A user whose line in the password file (PILOTSYNC_AUTH) ends in :act may.\n"

// login lets those in who have the right password, by HTTP Basic: any worker can
// check it, and none has to know of a session. Where there are no users it lets
// in everybody on this machine.
func (s *Site) login(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user := User{Role: s.cfg.Open}
		if s.cfg.Users == nil {
			if !loopbackHost(r.Host) {
				text(w, http.StatusForbidden, "Without a login (PILOTSYNC_AUTH) this page answers only under a name of the machine itself, such as localhost or 127.0.0.1.\n")
				return
			}
		} else if user = s.authenticate(w, r); user.Role == 0 {
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), userKey{}, user)))
	})
}

// authenticate returns the user who sent a request, or answers it and returns none.
func (s *Site) authenticate(w http.ResponseWriter, r *http.Request) User {
	name, password, ok := r.BasicAuth()
	if !ok {
		challenge(w, "This page needs a name and a password.\n")
		return User{}
	}
	user, wait, err := s.cfg.Users.check(r.Context(), address(r.RemoteAddr), name, password)
	switch {
	case wait > 0:
		seconds := int(math.Ceil(wait.Seconds()))
		w.Header().Set("Retry-After", strconv.Itoa(seconds))
		text(w, http.StatusTooManyRequests, fmt.Sprintf("Too many wrong passwords: try again in %s.\n", time.Duration(seconds)*time.Second))
	case err != nil:
		// The name isn't logged: people type passwords there.
		s.log.WithField("address", address(r.RemoteAddr)).Warn("page: wrong name or password")
		challenge(w, "This name and password aren't known here.\n")
	}
	return user
}

func challenge(w http.ResponseWriter, why string) {
	w.Header().Set("Www-Authenticate", `Basic realm="pilotsync", charset="UTF-8"`)
	text(w, http.StatusUnauthorized, why)
}

// address is what counts as one sender: an IPv4 address, or the /64 that one
// holder of IPv6 has at least.
func address(remote string) string {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		host = remote
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return host
	}
	addr = addr.Unmap().WithZone("")
	if addr.Is4() {
		return addr.String()
	}
	network, err := addr.Prefix(64)
	if err != nil {
		return host
	}
	return network.String()
}
