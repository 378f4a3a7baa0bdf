package certcheck

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"testing"
	"time"

	"pilotsync/tasks"
)

// Any server can show such a certificate, and crypto/x509 reads its date. JSON refuses it.
func TestACertificateWithAnOddZoneOffsetCanBeStored(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	cert := ca.issue(t, func(c *x509.Certificate) { c.NotAfter = time.Date(2055, 12, 31, 23, 59, 59, 0, time.UTC) }, "example.com")
	odd := bytes.Replace(cert.Certificate[0], []byte("\x18\x0f20551231235959Z"), []byte("\x17\x0f5512312359+2400"), 1)
	cert.Certificate = [][]byte{odd}
	got := check(t, pointsHere, "example.com", startTLSServer(t, ca.roots, withTLS(cert)))
	if want := time.Date(1955, 12, 30, 23, 59, 0, 0, time.UTC); got.TLS != Expired || !got.NotAfter.Equal(want) {
		t.Fatalf("%s, ends %s; want %s", got.TLS, got.NotAfter, want)
	}
	if _, err := json.Marshal(got); err != nil {
		t.Errorf("it can't be stored: %v", err)
	}
}

func FuzzStorable(f *testing.F) {
	for _, year := range []int{-5000, 0, 1, 2026, 9999, 10_000} {
		f.Add(time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC).Unix(), 24*60*60)
		f.Add(time.Date(year, 12, 31, 23, 59, 59, 0, time.UTC).Unix(), -24*60*60)
	}
	f.Fuzz(func(t *testing.T, seconds int64, offset int) {
		odd := time.Unix(seconds, 0).In(time.FixedZone("", offset))
		got := storable(odd)
		if year := odd.UTC().Year(); 1 <= year && year <= 9999 && !got.Equal(odd) {
			t.Errorf("%s became %s", odd.UTC(), got)
		}
		if _, err := json.Marshal(tasks.Params{Until: got}); err != nil {
			t.Error(err)
		}
	})
}
