package worker

import (
	"fmt"
	"testing"
	"time"

	"pilotsync/tasks"
	"pilotsync/worker/listsync"
)

func TestRecheckDelay(t *testing.T) {
	t.Parallel()
	const hour, day = time.Hour, 24 * time.Hour
	notCertifiable := endedAs(tasks.Failed, 0, hour)
	notCertifiable.Code = tasks.CauseNameNotCertifiable
	for _, c := range []struct {
		name string
		r    listsync.Record
		want time.Duration
	}{
		{"done: daily", endedAs(tasks.Done, 0, 400*day), day},
		{"done, but it failed just now: hourly", endedAs(tasks.Done, 1, 400*day), hour},
		{"failed: hourly for a day", endedAs(tasks.Failed, 0, 23*hour), hour},
		{"failed: then daily", endedAs(tasks.Failed, 0, 25*hour), day},
		{"failed: for 30 days", endedAs(tasks.Failed, 0, 30*day), day},
		{"failed: then weekly", endedAs(tasks.Failed, 0, 31*day), 7 * day},
		{"never certified: weekly", notCertifiable, 7 * day},
		{"without a certificate: the same", endedAs(tasks.DoneWithoutSSL, 0, hour), hour},
	} {
		if got := recheckDelay(c.r, checkedAt); got < c.want || got > c.want+c.want/10 {
			t.Errorf("%s: got %s, want %s and up to a tenth more", c.name, got, c.want)
		}
	}
}

func TestScheduleRecheckSkipsWildcardsAndUnfinishedDomains(t *testing.T) {
	t.Parallel()
	wildcard := endedAs(tasks.DoneWithoutSSL, 0, 0)
	wildcard.Domain = "*.example.com"
	for _, r := range []listsync.Record{wildcard, endedAs(tasks.CheckingDNS, 0, 0), endedAs(tasks.Removed, 0, 0), endedAs(tasks.Rejected, 0, 0)} {
		if got := scheduleRecheck(r, checkedAt); got.RecheckAt != nil {
			t.Errorf("%s (%s) is rechecked at %s", r.Domain, r.State, got.RecheckAt)
		}
	}
}

func TestAttemptsBeyondTheDelaysRepeatTheLastOne(t *testing.T) {
	t.Parallel()
	delays := []time.Duration{time.Minute, 2 * time.Minute, 15 * time.Minute}
	r := listsync.Record{Domain: "a.example.com", CheckSeq: 7}
	last := verifyDelay(delays, 3, r)
	for attempt, want := range map[int]time.Duration{1: time.Minute, 2: 2 * time.Minute, 3: 15 * time.Minute, 4: 15 * time.Minute, 20: 15 * time.Minute} {
		got := verifyDelay(delays, attempt, r)
		if got < want || got > want+want/10 || attempt > 3 && got != last {
			t.Errorf("before attempt %d: %s, want %s and up to a tenth more", attempt, got, want)
		}
	}
}

func TestVerifyDelaysNeverDecrease(t *testing.T) {
	t.Parallel()
	delays := []time.Duration{time.Minute, 2 * time.Minute, 2 * time.Minute, 8 * time.Minute}
	seconds := map[time.Duration]bool{}
	for i := range 200 {
		r := listsync.Record{Domain: fmt.Sprintf("shop%d.example.com", i), CheckSeq: int64(i)}
		last := time.Duration(0)
		for attempt, delay := range delays {
			d := verifyDelay(delays, attempt+1, r)
			if d < delay || d > delay+delay/10 {
				t.Fatalf("attempt %d of %s waits %s, want %s and at most a tenth more", attempt+1, r.Domain, d, delay)
			}
			if d < last {
				t.Fatalf("attempt %d of %s waits %s, less than the one before (%s)", attempt+1, r.Domain, d, last)
			}
			last = d
		}
		seconds[verifyDelay(delays, 1, r).Truncate(time.Second)] = true
	}
	if len(seconds) < 5 {
		t.Errorf("200 domains come due in only %d different seconds", len(seconds))
	}
}
