package ledger

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/flate"
	"pgregory.net/rapid"

	"pilotsync/tasks"
	"pilotsync/worker/listsync"
)

const lineDomain = "shop.example.com"

// seen is an event of a verification, with all that one usually says.
func seen() listsync.HistoryEntry {
	const dns, tls = "points here (203.0.113.80)", "the certificate at 203.0.113.80 is for server1.example.net only"
	return listsync.HistoryEntry{At: start.Add(123456789), State: tasks.CheckingSSL, Attempt: 3, Actor: "worker-7d9f8b6c5-x2x9q/1",
		Reason:  lineDomain + " points here, but ServerPilot has no certificate ready yet; issuing usually takes 5–15 minutes after DNS points here",
		AutoSSL: "no certificate ready yet",
		Checks:  []listsync.Check{{Name: lineDomain, DNS: dns, TLS: tls}, {Name: "www." + lineDomain, DNS: dns, TLS: tls}}}
}

// seenLine is the line that was written of it when form 1 was new.
const seenLine = "01aab492b3b7f6da983106837aca3cc532cd22c92cd954b7c2a8c2b250df70d865132303633d033d4343633d0b03acc90159012c69405a2786f0e0cb4b2d2136b5201b8735f9212b20641f00"

// Whoever comes here because this fails: don't put the new bytes here. Histories are
// full of the old ones.
func TestLinesOfForm1StayReadable(t *testing.T) {
	t.Parallel()
	line, err := hex.DecodeString(seenLine)
	if err != nil {
		t.Fatal(err)
	}
	got, err := newLineReader(testApp, lineDomain).decode(string(line))
	if diff := cmp.Diff(seen(), got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	// That line has but some of the words in it.
	if sum := fmt.Sprintf("%x", sha256.Sum256([]byte(lineWords))); sum != "8af3fcd2756f4836e6acfaa550492ce3c7e36e0baf558a0763c6185d5d97e32c" {
		t.Errorf("the dictionary of form 1 is another (%s): better words need a form 2", sum)
	}
}

func TestALineIsShort(t *testing.T) {
	t.Parallel()
	line, long := encodeLine(testApp, lineDomain, seen()), encode(seen())
	if line[0] != lineForm || len(line) > 80 {
		t.Errorf("%d bytes, as JSON %d: %x", len(line), len(long), line)
	}
}

// rapid fills each field that an event has, so a new one that a line forgets is found here.
func TestALineHoldsAnyEvent(t *testing.T) {
	t.Parallel()
	texts := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-z .]{0,40}`),
		rapid.SampledFrom([]string{"", "on", "points here (", "www." + lineDomain, "\xff", "a\x00b", strings.Repeat("long ", maxLineText/6)}))
	times := rapid.Custom(func(t *rapid.T) time.Time {
		s := rapid.OneOf(rapid.Int64Range(-3e10, 5e10), rapid.Int64Range(17e8, 2e9)).Draw(t, "s") // years 1019 to 3554; now
		zone := rapid.SampledFrom([]*time.Location{time.UTC, time.UTC, time.FixedZone("", 3600)}).Draw(t, "zone")
		return time.Unix(s, rapid.Int64Range(0, 1e9-1).Draw(t, "ns")).In(zone)
	})
	events := rapid.MakeCustom[listsync.HistoryEntry](rapid.MakeConfig{
		Types: map[reflect.Type]*rapid.Generator[any]{reflect.TypeFor[time.Time](): times.AsAny(),
			reflect.TypeFor[tasks.State](): rapid.Map(texts, func(s string) tasks.State { return tasks.State(s) }).AsAny()},
		Kinds: map[reflect.Kind]*rapid.Generator[any]{reflect.String: texts.AsAny()},
	})
	rapid.Check(t, func(t *rapid.T) {
		app, domain, e := texts.Draw(t, "app"), texts.Draw(t, "domain"), events.Draw(t, "event")
		want, err := decodeJSON[listsync.HistoryEntry](encode(e))
		if err != nil {
			t.Fatal(err)
		}
		r := newLineReader(app, domain)
		for _, line := range []string{encodeLine(app, domain, e), encode(e), encodeLine(app, domain, e)} {
			got, err := r.decode(line)
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Fatalf("%q: %v (-want +got):\n%s", line, err, diff)
			}
		}
	})
}

func TestABrokenLineIsAnErrorThatNamesTheDomain(t *testing.T) {
	t.Parallel()
	l, server := frozen(t)
	good := encodeLine(testApp, lineDomain, seen())
	packed := func(text string) string {
		b := bytes.NewBuffer([]byte{lineForm, 0, 0})
		if err := flate.StatelessDeflate(b, []byte(text), true, nil); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	for line, want := range map[string]string{
		"":                                 "unexpected end of JSON input",
		"older":                            "invalid character",
		"\x02":                             "the time of a line of form 2: EOF",
		good[:1]:                           "the time of a line: EOF",
		good[:10]:                          "the attempt of a line: EOF",
		good[:len(good)-10]:                "the text of a line: unexpected EOF",
		packed("three\x00texts\x00only"):   "the text of a line has 3 parts",
		packed("a\x00b\x00c\x00d\x00name"): "the text of a line has 5 parts",
		packed(strings.Repeat(" ", 10e6)):  "the text of a line: it unpacks to more than an event ever says",
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

// A page of before an upgrade shows what it can read, and says what it can't.
func TestALineOfALaterFormHidesNoOther(t *testing.T) {
	t.Parallel()
	l, server := frozen(t)
	good := encodeLine(testApp, lineDomain, seen())
	for _, line := range []string{encode(seen()), "\x02" + good[1:], good} {
		if _, err := server.Lpush(logKey(testApp, lineDomain), line); err != nil {
			t.Fatal(err)
		}
	}
	later := listsync.HistoryEntry{At: seen().At, Actor: "a newer pilotsync", Reason: "this line is of form 2, which only a newer pilotsync can read"}
	events, err := l.History(t.Context(), testApp, lineDomain)
	if diff := cmp.Diff([]listsync.HistoryEntry{seen(), later, seen()}, events); diff != "" || err != nil {
		t.Errorf("the history (%v; -want +got):\n%s", err, diff)
	}
}

// Whatever lies in Redis is an event or an error, and no more memory than an event takes.
func FuzzLine(f *testing.F) {
	f.Add(encodeLine(testApp, lineDomain, seen()))
	f.Add(encode(seen()))
	f.Fuzz(func(t *testing.T, line string) {
		e, err := newLineReader(testApp, lineDomain).decode(line)
		if text, _ := lineText(e); err == nil && line[0] == lineForm && len(text) > maxLineText {
			t.Errorf("an event of %d bytes", len(text))
		}
	})
}

func BenchmarkLine(b *testing.B) {
	line := encodeLine(testApp, lineDomain, seen())
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			encodeLine(testApp, lineDomain, seen())
		}
	})
	b.Run("decode 12", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			r := newLineReader(testApp, lineDomain)
			for range HistoryKept {
				if _, err := r.decode(line); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}
