// Package retryafter reads the HTTP header Retry-After.
package retryafter

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Max is the longest delay that a server can ask for.
const Max = time.Hour

// Parse returns the delay that the header's first value asks for, in seconds or as an
// HTTP date: 0 to [Max]. It is 0 if there is none, if it can't be read, or if it is over.
func Parse(h http.Header, now time.Time) time.Duration {
	value := strings.TrimSpace(h.Get("Retry-After"))
	seconds, err := strconv.ParseUint(value, 10, 64)
	if err == nil || errors.Is(err, strconv.ErrRange) { // out of range: the most there is
		return time.Duration(min(seconds, uint64(Max/time.Second))) * time.Second
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), Max)
}
