package tasks

import (
	"testing"
	"time"
)

// The ids are a contract: producers in other languages make the same ones.
func TestIDsAreDerivedFromThePayload(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ got, want string }{
		{change.ID(), "change:app1:example.com:1772366400123456"},
		{wake.ID(), "sync:app1:3"},
		{verify.ID(), "verify:app1:example.com:1772366400123456:2"},
		{event.ID(), "event:app1:1772366400123456"},
		{blocked.ID(), "event:app1:1772366400123457"},
		{ask.ID(), "check:app1:example.com:never:177236640"},
	} {
		if c.got != c.want {
			t.Errorf("got %s, want %s", c.got, c.want)
		}
	}
}

func TestOtherFieldsDoNotAffectAChangesID(t *testing.T) {
	t.Parallel()
	other := change
	other.WWW, other.SiteID, other.RequestedAt = WWWNever, 99, at.AddDate(1, 0, 0)
	if change.ID() != other.ID() {
		t.Errorf("%s and %s should be the same", change.ID(), other.ID())
	}
}

func TestChecksAreEqualForSomeSecondsOnly(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		other func(*Check)
		same  bool
	}{
		{"another person, some seconds later", func(c *Check) { c.By, c.AskedAt = "ben", c.AskedAt.Add(9*time.Second) }, true},
		{"ten seconds later", func(c *Check) { c.AskedAt = c.AskedAt.Add(10 * time.Second) }, false},
		{"another app", func(c *Check) { c.AppID = "app2" }, false},
		{"another domain", func(c *Check) { c.Domain = "example.org" }, false},
		{"another www form", func(c *Check) { c.WWW = WWWAlways }, false},
	} {
		other := ask
		c.other(&other)
		if same := other.ID() == ask.ID(); same != c.same {
			t.Errorf("%s: %s and %s", c.name, ask.ID(), other.ID())
		}
	}
}
