package simulator

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// response is the API's response. A status other than 200 comes with a message.
type response struct {
	status     int
	message    string
	data       any
	actionID   string
	retryAfter time.Duration
}

// notFound is the answer about a resource that the account doesn't have. kind is in the
// singular, such as "App".
func notFound(kind, id string) response {
	return errorResponse(http.StatusNotFound, "%s %q does not exist.", kind, id)
}

func errorResponse(status int, format string, args ...any) response {
	return response{status: status, message: fmt.Sprintf(format, args...)}
}

// sendWithFault sends the response, with those faults that come after the effect.
func (a response) sendWithFault(w http.ResponseWriter, fault Fault) {
	switch fault.Kind {
	case DropAfter:
		abort()
	case HTML:
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusBadGateway)
		_, _ = io.WriteString(w, "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>\n")
	case TruncatedJSON:
		a.sendTruncated(w)
	case NoDomains:
		a.withoutDomains().send(w)
	default:
		a.send(w)
	}
}

func (a response) encode() []byte {
	content := map[string]any{"data": a.data}
	if a.status != 0 {
		content = map[string]any{"error": map[string]string{"message": a.message}}
	} else if a.actionID != "" {
		content["actionid"] = a.actionID
	}
	encoded, err := json.Marshal(content)
	if err != nil {
		panic(err) // can't happen: it has only maps, strings and numbers
	}
	return append(encoded, '\n')
}

func (a response) writeHeader(w http.ResponseWriter, length int) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(length))
	if a.retryAfter > 0 {
		seconds := int64((a.retryAfter + time.Second - 1) / time.Second)
		w.Header().Set("Retry-After", strconv.FormatInt(seconds, 10))
	}
	status := a.status
	if status == 0 {
		status = http.StatusOK
	}
	w.WriteHeader(status)
}

func (a response) send(w http.ResponseWriter) {
	body := a.encode()
	a.writeHeader(w, len(body))
	_, _ = w.Write(body) // fails only if the client is gone
}

// sendTruncated announces the whole response, sends half of it, and aborts.
func (a response) sendTruncated(w http.ResponseWriter) {
	body := a.encode()
	a.writeHeader(w, len(body))
	_, _ = w.Write(body[:len(body)/2])
	_ = http.NewResponseController(w).Flush()
	abort()
}

func (a response) withoutDomains() response {
	switch data := a.data.(type) {
	case map[string]any:
		delete(data, "domains")
	case []map[string]any:
		for _, app := range data {
			delete(app, "domains")
		}
	}
	return a
}
