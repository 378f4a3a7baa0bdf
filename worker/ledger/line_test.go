package ledger

import (
	"encoding/hex"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"pilotsync/tasks"
	"pilotsync/worker/listsync"
)

const lineDomain = "shop.example.com"

// seen is an entry of a verification, with all that one usually says.
func seen() listsync.HistoryEntry {
	elsewhere := func(name string) tasks.Cause {
		return tasks.Cause{Code: tasks.CauseDNSElsewhere, Params: tasks.Params{Name: name, Found: []string{"203.0.113.9"}}}
	}
	e := listsync.HistoryEntry{At: start.Add(123456789), State: tasks.CheckingDNS, Action: listsync.ActionVerify, Attempt: 3,
		Actor: "worker-7d9f8b6c5-x2x9q/1", AutoSSL: "no certificate ready", Cause: elsewhere(lineDomain)}
	for _, name := range []string{lineDomain, "www." + lineDomain} {
		c := elsewhere(name)
		e.Checks = append(e.Checks, listsync.NameResult{Name: name, Cause: c, Result: c.Sentence()})
	}
	e.Reason = e.Describe()
	return e
}

// partsLine is a line that was written with all parts that there were. If the test fails, don't put
// new bytes here: histories hold the old ones.
const partsLine = "0e0f101112131415161718"

func TestLinesWithPartsStayReadable(t *testing.T) {
	t.Parallel()
	line, err := hex.DecodeString(partsLine)
	if err != nil {
		t.Fatal(err)
	}
	_, restore := partReplacers()
	want := `","checking-dns","verify",","checking-ssl-cert","verify",","done","verify",` +
		`","done-without-ssl","verify",","failed","verify",` +
		`,[["Works",{"issuer":"Let's Encrypt","until":",[["DNSElsewhere",{"found":["` +
		`,[["CertificateNotReady",{},[["CertificateDoesNotCover",{},"@","www.@"]]],"@","www.@"]`
	if got := restore.Replace(string(line)); got != want {
		t.Errorf("got %q", got)
	}
	if len(lineParts) != len(line) {
		t.Errorf("there are %d parts: add the byte of the new one", len(lineParts))
	}
}

func TestALineIsShort(t *testing.T) {
	t.Parallel()
	line, long := newLineCodec(testApp, lineDomain).encode(seen()), encode(seen())
	if line[0] != lineForm || len(line)*5 > len(long) {
		t.Errorf("%d bytes, as JSON %d: %q", len(line), len(long), line)
	}
}

// rapid fills each field that an entry has, so a new one that a line forgets is found here.
func TestALineHoldsAnyEntry(t *testing.T) {
	t.Parallel()
	texts := rapid.OneOf(rapid.Just(""), rapid.StringMatching(`[a-z .]{0,40}`), rapid.SampledFrom([]string{"on", "www." + lineDomain, "a\x00b", strings.Repeat("long ", 5000)}))
	times := rapid.Custom(func(t *rapid.T) time.Time {
		s := rapid.OneOf(rapid.Int64Range(-3e9, 5e9), rapid.Int64Range(17e8, 2e9)).Draw(t, "s")
		return time.Unix(s, rapid.Int64Range(0, 1e9-1).Draw(t, "ns")).UTC()
	})
	entries := rapid.MakeCustom[listsync.HistoryEntry](rapid.MakeConfig{
		Types: map[reflect.Type]*rapid.Generator[any]{reflect.TypeFor[time.Time](): times.AsAny()},
		Kinds: map[reflect.Kind]*rapid.Generator[any]{reflect.String: texts.AsAny()},
	})
	codes := []tasks.Code{"", "OfALaterRelease"}
	for _, entry := range tasks.Causes() {
		codes = append(codes, entry.Code)
	}
	checks := func(t *rapid.T, domain string) (all []listsync.NameResult) {
		for _, name := range []string{domain, "www." + domain}[:rapid.IntRange(0, 2).Draw(t, "names")] {
			c := entries.Draw(t, "check").Cause
			c.Code = rapid.SampledFrom(codes[1:]).Draw(t, "code of the check")
			c = expanded(c, name)
			all = append(all, listsync.NameResult{Name: name, Cause: c, Result: c.Sentence()})
		}
		return all
	}
	rapid.Check(t, func(t *rapid.T) {
		e := entries.Draw(t, "entry")
		e.Code = rapid.SampledFrom(codes).Draw(t, "code")
		e.Checks = checks(t, lineDomain)
		e.Cause = expanded(e.Cause, lineDomain)
		if e.Code == "" {
			e.Params = tasks.Params{} // the zero cause
		} else {
			e.Reason = e.Describe()
		}
		got, err := newLineCodec(testApp, lineDomain).decode(newLineCodec(testApp, lineDomain).encode(e))
		if diff := cmp.Diff(e, got, cmpopts.EquateEmpty()); err != nil || diff != "" {
			t.Fatalf("%v (-want +got):\n%s", err, diff)
		}
	})
}

func TestACauseGainsAndLosesNoNameInALine(t *testing.T) {
	t.Parallel()
	named := tasks.Params{Name: lineDomain}
	for _, c := range []tasks.Cause{{Code: tasks.CauseListed}, {Code: tasks.CauseListed, Params: named}, {Code: tasks.CauseWorks, Params: named},
		{Code: tasks.CauseDNSMissing, Params: named}, {Code: "OfALaterRelease", Params: named}} {
		e := listsync.HistoryEntry{At: start, Cause: c}
		got, err := newLineCodec(testApp, lineDomain).decode(newLineCodec(testApp, lineDomain).encode(e))
		if diff := cmp.Diff(c, got.Cause); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", c.Code, err, diff)
		}
	}
}

// expanded is a cause as it is read again: with the name and the app that a line is about.
func expanded(c tasks.Cause, name string) tasks.Cause {
	if c.Params.Name == "" && aboutName(c) {
		c.Params.Name = name
	}
	if c.Params.App == testApp || c.Params.App == "" {
		c.Params.App = ""
		if c.Uses("app") {
			c.Params.App = testApp
		}
	}
	c.Params.Expected = nil
	return c
}

func TestABrokenLineIsAnErrorThatNamesTheDomain(t *testing.T) {
	t.Parallel()
	l, server := frozen(t)
	good := newLineCodec(testApp, lineDomain).encode(seen())
	for line, want := range map[string]string{
		"":                  "unexpected end of JSON input",
		"older":             "invalid character",
		good[:1]:            "the time of a line of form 2: EOF",
		good[:10]:           "the text of a line: unexpected end of JSON input",
		good[:len(good)-10]: "the text of a line: unexpected end of JSON input",
	} {
		server.Del(logKey(testApp, lineDomain))
		if _, err := server.Lpush(logKey(testApp, lineDomain), line); err != nil {
			t.Fatal(err)
		}
		_, err := l.History(t.Context(), testApp, lineDomain)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "the history of "+lineDomain+" on app "+testApp) {
			t.Errorf("%.80q: %v, want one with %q", line, err, want)
		}
	}
}

func TestALineOfALaterFormHidesNoOther(t *testing.T) {
	t.Parallel()
	l, server := frozen(t)
	good := newLineCodec(testApp, lineDomain).encode(seen())
	old := `{"at":"2026-03-01T12:00:00Z","state":"done","reason":"certificate valid","who":"w","checks":[{"name":"a.example.com","dns":"points here","tls":"certificate valid"}],"autossl":"on"}`
	for _, line := range []string{old, "\x03" + good[1:], good} {
		if _, err := server.Lpush(logKey(testApp, lineDomain), line); err != nil {
			t.Fatal(err)
		}
	}
	first := listsync.HistoryEntry{At: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), State: tasks.Done, Reason: "certificate valid", Actor: "w", AutoSSL: "on",
		Checks: []listsync.NameResult{{Name: "a.example.com", Result: "points here; certificate valid"}}}
	later := listsync.HistoryEntry{At: seen().At, Actor: "a newer pilotsync", Reason: "this line is of form 3, which only a newer pilotsync can read"}
	entries, err := l.History(t.Context(), testApp, lineDomain)
	if diff := cmp.Diff([]listsync.HistoryEntry{seen(), later, first}, entries); diff != "" || err != nil {
		t.Errorf("the history (%v; -want +got):\n%s", err, diff)
	}
}

// Anything in Redis is an entry or an error.
func FuzzLine(f *testing.F) {
	f.Add(newLineCodec(testApp, lineDomain).encode(seen()))
	f.Add(encode(seen()))
	f.Fuzz(func(t *testing.T, line string) {
		e, err := newLineCodec(testApp, lineDomain).decode(line)
		if err == nil && e.At.IsZero() && e.State == "" && strings.HasPrefix(line, "\x02") {
			t.Errorf("an entry without a time: %+v", e)
		}
	})
}

func BenchmarkLine(b *testing.B) {
	line := newLineCodec(testApp, lineDomain).encode(seen())
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			newLineCodec(testApp, lineDomain).encode(seen())
		}
	})
	b.Run("decode 12", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			r := newLineCodec(testApp, lineDomain)
			for range HistoryKept {
				if _, err := r.decode(line); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}
