package tasks

import (
	"errors"
	"strings"
	"testing"
)

func TestDecodeReadsKnownVersionsOnly(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		v, says      string
		newer, wrong bool
	}{
		{v: ``},
		{v: `,"v":1`},
		{v: `,"v":2`, newer: true, says: "v is 2; this one reads versions up to 1"},
		{v: `,"v":99`, newer: true, says: "v is 99"},
		{v: `,"v":0`, wrong: true, says: "v is 0; it takes a version number"},
		{v: `,"v":"1"`, wrong: true, says: `v is "1"; it takes a version number`},
	} {
		_, err := Decode[Sync]([]byte(`{"app_id":"app1","wake":3` + c.v + `}`))
		if c.newer != errors.Is(err, ErrNewer) || c.wrong != errors.Is(err, ErrPayload) {
			t.Errorf("of %q: %v", c.v, err)
		}
		if c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("of %q it says %v, want %q", c.v, err, c.says)
		}
	}
}
