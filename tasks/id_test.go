package tasks

import "testing"

// The ids are a contract: producers in other languages make the same ones.
func TestIDsAreDerivedFromThePayload(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ got, want string }{
		{change.ID(), "change:app1:example.com:1772366400123456"},
		{wake.ID(), "sync:app1:3"},
		{verify.ID(), "verify:app1:example.com:1772366400123456:2"},
		{event.ID(), "event:app1:1772366400123456"},
		{blocked.ID(), "event:app1:1772366400123457"},
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
