package listsync

import (
	"testing"
	"time"
)

func TestTheAlarmIsAQuarterOfTheLifetimeBeforeTheEnd(t *testing.T) {
	t.Parallel()
	end := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct{ lifetime, want time.Duration }{
		"90 days":                  {90 * 24 * time.Hour, 540 * time.Hour},
		"45 days":                  {45 * 24 * time.Hour, 270 * time.Hour},
		"6 days":                   {6 * 24 * time.Hour, 36 * time.Hour},
		"no beginning: as 90 days": {0, 540 * time.Hour},
	} {
		cert := Cert{NotAfter: end}
		if c.lifetime > 0 {
			cert.NotBefore = end.Add(-c.lifetime)
		}
		if got := end.Sub(cert.AlarmAt()); got != c.want {
			t.Errorf("%s: %s before the end, want %s", name, got, c.want)
		}
	}
}
