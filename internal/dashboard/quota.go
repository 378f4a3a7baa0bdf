package dashboard

import (
	"net/http"
	"strconv"
	"time"
)

// refuse responds to a request that got nothing of a quota.
func refuse(w http.ResponseWriter, status int, after time.Duration, cause string) {
	w.Header().Set("Retry-After", strconv.Itoa(int(after.Seconds())))
	writeText(w, status, cause)
}
