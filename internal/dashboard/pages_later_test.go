package dashboard

import (
	"net/http"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

// During an upgrade a dashboard may be older than the workers.
func TestRecordsOfANewerWorkerAreNamedAsSuch(t *testing.T) {
	t.Parallel()
	var rdb redis.UniversalClient
	h := newTestDashboard(t, func(c *Config) { rdb = c.Redis }).Handler()
	put := func(record string, lines ...any) {
		t.Helper()
		if err := rdb.HSet(t.Context(), "pilotsync:{app1}:domains", "shop.example.com", record).Err(); err != nil {
			t.Fatal(err)
		}
		if err := rdb.LPush(t.Context(), "pilotsync:{app1}:log:shop.example.com", lines...).Err(); err != nil {
			t.Fatal(err)
		}
	}
	if err := rdb.SAdd(t.Context(), "pilotsync:apps", "app1").Err(); err != nil {
		t.Fatal(err)
	}
	const record = `{"domain":"shop.example.com","seq":7,"wanted":true,"state":"done","names":["shop.example.com"],"reason":"fine"`
	put(record+`}`, `{"at":"2026-03-01T12:00:00Z","state":"pending","reason":"asked to be put on the list","who":"ada"}`, "\x03\x02 and so on")
	page := sendRequest(h, http.MethodGet, "/domains/app1/shop.example.com", nil)
	checkAnswer(t, page, http.StatusOK, "this line is of form 3, which only a newer pilotsync can read")
	checkAnswer(t, page, http.StatusOK, "asked to be put on the list")

	put(record+`,"v":1000}`, "\x03\x02")
	page = sendRequest(h, http.MethodGet, "/domains/app1/shop.example.com", nil)
	checkAnswer(t, page, http.StatusInternalServerError, "Only a newer pilotsync can show this")
	if strings.Contains(page.Body.String(), "Redis doesn") {
		t.Errorf("the page blames Redis:\n%s", page.Body)
	}
}
