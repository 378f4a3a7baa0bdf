package worker

import (
	"errors"
	"net/http"
	"testing"
	"time"
)

func TestEventPause(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name         string
		age, atLeast time.Duration
		jitter       float64
		want         time.Duration
	}{
		{"a young event waits five seconds", time.Second, 0, 0, 5 * time.Second},
		{"so does one from a clock that is ahead", -time.Minute, 0, 0, 5 * time.Second},
		{"the pause is half the age", 10 * time.Minute, 0, 0, 5 * time.Minute},
		{"up to an hour", 20 * time.Hour, 0, 0, time.Hour},
		{"longer if the webhook asks for it", time.Second, 42 * time.Second, 0, 42 * time.Second},
		{"what it asks for makes no pause shorter", 10 * time.Minute, time.Second, 0, 5 * time.Minute},
		{"a tenth more at most", 10 * time.Minute, 0, 1, 5*time.Minute + 30*time.Second},
		{"the last one ends with the two days", eventAge - 10*time.Minute, 0, 1, 10 * time.Minute},
		{"and is no busy loop", eventAge - time.Millisecond, 0, 0, time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := eventPause(tt.age, tt.atLeast, tt.jitter); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestAnEventIsTriedForTwoDaysWithPausesThatDoNotShrink(t *testing.T) {
	t.Parallel()
	tries, last := 0, time.Duration(0)
	for age := time.Duration(0); age < eventAge; tries++ {
		pause := eventPause(age, 0, 0)
		if pause < last && age+pause < eventAge {
			t.Errorf("after %s the pause is %s, and was %s before", age, pause, last)
		}
		age, last = age+pause, pause
	}
	if tries < 50 || tries > 80 {
		t.Errorf("an event is tried %d times", tries)
	}
}

func TestRetryAfterIsReadAndBounded(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for header, want := range map[string]time.Duration{
		"": 0, "soon": 0, "-5": 0, "0": 0, " 7 ": 7 * time.Second, "3600": time.Hour, "3601": time.Hour,
		"9223372036854775807": time.Hour, "99999999999999999999": time.Hour,
		now.Add(90 * time.Second).Format(http.TimeFormat): 90 * time.Second,
		now.Add(-time.Minute).Format(http.TimeFormat):     0,
		now.AddDate(1, 0, 0).Format(http.TimeFormat):      time.Hour,
	} {
		if got := retryAfter(header, now); got != want {
			t.Errorf("Retry-After: %q is %s, want %s", header, got, want)
		}
	}
}

func TestWhatAStatusSays(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]verdict{
		200: arrived, 202: arrived, 204: arrived, 299: arrived, 410: gone, 301: declined, 304: declined, 400: declined, 401: declined,
		404: declined, 408: ailing, 429: ailing, 500: ailing, 503: ailing, 599: ailing,
	} {
		if got := judge(status); got != want {
			t.Errorf("%d says %d, want %d", status, got, want)
		}
	}
}

func TestAnEndpointThatFailsIsLeftAloneAndThenTriedWithOneEvent(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	down := errors.New("503")
	var h health
	enters := func(want time.Duration) {
		t.Helper()
		if got, cause := h.enter(now); got != want || (cause == nil) != (want == 0) {
			t.Errorf("at %s the wait is %s because of %v, want %s", now.Format(time.TimeOnly), got, cause, want)
		}
	}
	for range 16 { // all slots at once, for it was well
		enters(0)
	}
	for range 16 { // together they count as one failure
		h.done(now, answer{verdict: ailing, err: down})
	}
	enters(5 * time.Second)
	now = now.Add(4 * time.Second)
	enters(time.Second)
	now = now.Add(time.Second)
	enters(0)
	enters(5 * time.Second) // the one event is under way
	h.done(now, answer{verdict: ailing, err: down})
	enters(10 * time.Second)
	now = now.Add(10 * time.Second)
	enters(0)
	h.done(now, answer{verdict: unsaid, err: down}) // cut short by a shutdown: another may try
	enters(0)
	h.done(now, answer{verdict: ailing, after: 40 * time.Minute, err: down}) // it asked for a pause
	enters(40 * time.Minute)
	for range 20 {
		now = now.Add(time.Hour)
		enters(0)
		h.done(now, answer{verdict: ailing, err: down})
	}
	enters(5 * time.Minute)
	now = now.Add(5 * time.Minute)
	enters(0)
	h.done(now, answer{verdict: declined, err: down}) // it answers, if not as one would like
	for range 3 {
		enters(0)
	}
}

func TestAppsShareTheHealthOfAURLAndKeepTheirOwnWebhook(t *testing.T) {
	t.Parallel()
	got, err := endpoints(Config{
		Webhook: Webhook{URL: "https://all.example.com/?key=x"},
		Webhooks: map[string]Webhook{
			"own": {URL: "https://own.example.com/"}, "same": {URL: "https://all.example.com/?key=x"}, "none": {},
		},
	}, []string{"a", "b", "own", "same", "none"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 4 || got["none"] != nil {
		t.Errorf("there are %d endpoints, want those of a, b, own and same", len(got))
	}
	if got["a"].health != got["same"].health || got["a"].health != got["b"].health || got["a"].health == got["own"].health {
		t.Error("the health is that of another URL")
	}
	if got["a"].field != got["same"].field || got["a"].field == got["own"].field || got["a"].host != "all.example.com" {
		t.Errorf("the endpoint of a is %+v", got["a"])
	}
}
