package dashboard

import (
	"io"
	"net/http"
	"testing"

	"github.com/redis/go-redis/v9"
)

// httpDo sends a request without cookies or scripts. user may be empty; otherwise the
// password is secret-user.
func httpDo(t *testing.T, method, url, user string) (status int, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if user != "" {
		req.SetBasicAuth(user, "secret-"+user)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

func httpGet(t *testing.T, url, user string) string {
	t.Helper()
	_, body := httpDo(t, http.MethodGet, url, user)
	return body
}

func httpStatus(t *testing.T, method, url, user string) int {
	t.Helper()
	status, _ := httpDo(t, method, url, user)
	return status
}

func zero(member string) redis.Z { return redis.Z{Member: member} }
func one(member string) redis.Z  { return redis.Z{Member: member, Score: 1e15} }
