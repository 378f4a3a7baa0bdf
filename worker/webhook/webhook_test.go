package webhook

import (
	"errors"
	"testing"
	"time"
)

func TestTheDelayBeforeTheNextDelivery(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name         string
		age, atLeast time.Duration
		jitter       float64
		want         time.Duration
	}{
		{"a young event waits five seconds", time.Second, 0, 0, 5 * time.Second},
		{"so does one from a clock that is ahead", -time.Minute, 0, 0, 5 * time.Second},
		{"the delay is half the age", 10 * time.Minute, 0, 0, 5 * time.Minute},
		{"up to an hour", 20 * time.Hour, 0, 0, time.Hour},
		{"longer if the webhook asks for it", time.Second, 42 * time.Second, 0, 42 * time.Second},
		{"what it asks for makes no delay shorter", 10 * time.Minute, time.Second, 0, 5 * time.Minute},
		{"a tenth more at most", 10 * time.Minute, 0, 1, 5*time.Minute + 30*time.Second},
		{"the last one ends with the two days", maxAge - 10*time.Minute, 0, 1, 10 * time.Minute},
		{"and is no busy loop", maxAge - time.Millisecond, 0, 0, time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := delay(tt.age, tt.atLeast, tt.jitter); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestAnEventIsRetriedForTwoDaysWithGrowingDelays(t *testing.T) {
	t.Parallel()
	tries, last := 0, time.Duration(0)
	for age := time.Duration(0); age < maxAge; tries++ {
		d := delay(age, 0, 0)
		if d < last && age+d < maxAge {
			t.Errorf("after %s the delay is %s, and was %s before", age, d, last)
		}
		age, last = age+d, d
	}
	if tries < 50 || tries > 80 {
		t.Errorf("an event is tried %d times", tries)
	}
}

func TestTheResultOfAStatus(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]result{
		200: delivered, 202: delivered, 204: delivered, 299: delivered, 410: gone, 301: declined, 304: declined, 400: declined, 401: declined,
		404: declined, 408: failing, 429: failing, 500: failing, 503: failing, 599: failing,
	} {
		if got := resultOf(status); got != want {
			t.Errorf("%d says %d, want %d", status, got, want)
		}
	}
}

func TestTheBreakerOpensAndThenLetsOneEventThrough(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	down := errors.New("503")
	var b breaker
	allows := func(want time.Duration) {
		t.Helper()
		if got, cause := b.allow(now); got != want || (cause == nil) != (want == 0) {
			t.Errorf("at %s the wait is %s because of %v, want %s", now.Format(time.TimeOnly), got, cause, want)
		}
	}
	for range 16 { // all slots at once: the breaker is closed
		allows(0)
	}
	for range 16 { // together they count as one failure
		b.record(now, outcome{result: failing, err: down})
	}
	allows(5 * time.Second)
	now = now.Add(4 * time.Second)
	allows(time.Second)
	now = now.Add(time.Second)
	allows(0)
	allows(5 * time.Second) // the one event is under way
	b.record(now, outcome{result: failing, err: down})
	allows(10 * time.Second)
	now = now.Add(10 * time.Second)
	allows(0)
	b.record(now, outcome{result: canceled, err: down}) // cut short by a shutdown: another may try
	allows(0)
	b.record(now, outcome{result: failing, retryAfter: 40 * time.Minute, err: down}) // it asked for a delay
	allows(40 * time.Minute)
	for range 20 {
		now = now.Add(time.Hour)
		allows(0)
		b.record(now, outcome{result: failing, err: down})
	}
	allows(5 * time.Minute)
	now = now.Add(5 * time.Minute)
	allows(0)
	b.record(now, outcome{result: declined, err: down}) // any answer closes the breaker
	for range 3 {
		allows(0)
	}
}

func TestAppsShareTheBreakerOfAURLAndKeepTheirOwnTarget(t *testing.T) {
	t.Parallel()
	common := Target{URL: "https://all.example.com/?key=x"}
	own := map[string]Target{"own": {URL: "https://own.example.com/"}, "same": {URL: common.URL}, "none": {}}
	got, err := Endpoints([]string{"a", "b", "own", "same", "none"}, common, own, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 4 || got["none"] != nil {
		t.Errorf("there are %d endpoints, want those of a, b, own and same", len(got))
	}
	if got["a"].breaker != got["same"].breaker || got["a"].breaker != got["b"].breaker || got["a"].breaker == got["own"].breaker {
		t.Error("the breaker is that of another URL")
	}
	if got["a"].urlHash != got["same"].urlHash || got["a"].urlHash == got["own"].urlHash || got["a"].host != "all.example.com" {
		t.Errorf("the endpoint of a is %+v", got["a"])
	}
}
