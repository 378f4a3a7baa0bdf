package main

import (
	"testing"
	"time"
)

const pointsElsewhere = "shop.example.com points to 203.0.113.9; this app is on 198.51.100.4. Next: make shop.example.com point to 198.51.100.4 and nowhere else."

func TestRelativeTimesAreRounded(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		away time.Duration
		want string
	}{
		{0, "now"},
		{400 * time.Millisecond, "now"},
		{time.Second, "in 1s"},
		{-89 * time.Second, "89s ago"},
		{90 * time.Second, "in 2m"},
		{3 * time.Minute, "in 3m"},
		{-2 * time.Minute, "2m ago"},
		{-5 * time.Hour, "5h ago"},
		{72 * time.Hour, "in 3d"},
	} {
		at := now.Add(test.away)
		if got := relative(&at, now); got != test.want {
			t.Errorf("%s away is %q, want %q", test.away, got, test.want)
		}
	}
	if got := relative(nil, now); got != "" {
		t.Errorf("no time is %q", got)
	}
}
