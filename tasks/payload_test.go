package tasks

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var (
	at     = time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC)
	change = Change{AppID: "app1", Domain: "example.com", Seq: 1772366400123456, WWW: WWWMainOnly, SiteID: 7, RequestedAt: at}
	verify = Verify{AppID: "app1", Domain: "example.com", Seq: 1772366400123456, Attempt: 2, DueAt: at}
	event  = Event{Type: DomainState, AppID: "app1", Domain: "example.com", Seq: 5, State: Done, Names: []string{"example.com", "www.example.com"},
		Reason: "the certificate is valid", SiteID: 7, At: at}
	blocked = Event{Type: AppBlocked, AppID: "app1", Reason: "the key was refused", At: at.Add(time.Microsecond)}
	wake    = Sync{AppID: "app1", Wake: 3}
	ask     = Check{AppID: "app1", Domain: "example.com", WWW: WWWNever, AskedAt: at, By: "anna"}
)

// Fields, spelling and order are a contract with the PHP library.
func TestPayloadsAreEncodedAsDocumented(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, want, got string }{
		{"change", `{"app_id":"app1","domain":"example.com","seq":1772366400123456,"www":"main_only","site_id":7,"requested_at":"2026-03-01T12:00:00.123456Z","v":1}`, string(Encode(change))},
		{"change without optional fields", `{"app_id":"app1","domain":"example.com","seq":1,"requested_at":"2026-03-01T12:00:00.123456Z","v":1}`,
			string(Encode(Change{AppID: "app1", Domain: "example.com", Seq: 1, RequestedAt: at}))},
		{"change by an operator", `{"app_id":"app1","domain":"example.com","seq":1,"requested_at":"2026-03-01T12:00:00.123456Z","by":"Änne","v":1}`,
			string(Encode(Change{AppID: "app1", Domain: "example.com", Seq: 1, RequestedAt: at, By: "Änne"}))},
		{"change with a limit of attempts", `{"app_id":"app1","domain":"example.com","seq":1,"requested_at":"2026-03-01T12:00:00.123456Z","adopt":true,"attempts":7,"v":1}`,
			string(Encode(Change{AppID: "app1", Domain: "example.com", Seq: 1, RequestedAt: at, Import: true, Attempts: 7}))},
		{"sync", `{"app_id":"app1","wake":3,"v":1}`, string(Encode(wake))},
		{"verify", `{"app_id":"app1","domain":"example.com","seq":1772366400123456,"attempt":2,"due_at":"2026-03-01T12:00:00.123456Z","v":1}`, string(Encode(verify))},
		{"event", `{"type":"domain.state","app_id":"app1","domain":"example.com","seq":5,"state":"done","names":["example.com","www.example.com"],"site_id":7,"reason":"the certificate is valid","at":"2026-03-01T12:00:00.123456Z","v":1}`, string(Encode(event))},
		{"check", `{"app_id":"app1","domain":"example.com","www":"never","asked_at":"2026-03-01T12:00:00.123456Z","by":"anna","v":1}`, string(Encode(ask))},
		{"check without optional fields", `{"app_id":"app1","domain":"example.com","asked_at":"2026-03-01T12:00:00.123456Z","v":1}`,
			string(Encode(Check{AppID: "app1", Domain: "example.com", AskedAt: at}))},
		{"event of an app", `{"type":"app.blocked","app_id":"app1","reason":"the key was refused","at":"2026-03-01T12:00:00.123457Z","v":1}`, string(Encode(blocked))},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestDecodeReversesEncode(t *testing.T) {
	t.Parallel()
	roundTrip(t, change)
	roundTrip(t, wake)
	roundTrip(t, verify)
	roundTrip(t, event)
	roundTrip(t, blocked)
	roundTrip(t, ask)
}

func roundTrip[T Change | Sync | Verify | Event | Check](t *testing.T, p T) {
	t.Helper()
	got, err := Decode[T](Encode(p))
	if err != nil {
		t.Fatalf("%T: %v", p, err)
	}
	if diff := cmp.Diff(p, got); diff != "" {
		t.Errorf("%T (-want +got):\n%s", p, diff)
	}
}

func TestDecodeIgnoresUnknownFields(t *testing.T) {
	t.Parallel()
	b := withField(t, Encode(change), "priority", map[string]any{"level": 9})
	got, err := Decode[Change](b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(change, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDecodeMakesTheDomainCanonical(t *testing.T) {
	t.Parallel()
	got, err := Decode[Change](withField(t, Encode(change), "domain", " München.DE. "))
	if err != nil || got.Domain != "xn--mnchen-3ya.de" {
		t.Errorf("got %q, %v", got.Domain, err)
	}
}

func TestDecodeNamesAMissingOrWrongField(t *testing.T) {
	t.Parallel()
	decodeChange := func(b []byte) error { _, err := Decode[Change](b); return err }
	decodeSync := func(b []byte) error { _, err := Decode[Sync](b); return err }
	decodeVerify := func(b []byte) error { _, err := Decode[Verify](b); return err }
	decodeEvent := func(b []byte) error { _, err := Decode[Event](b); return err }
	decodeCheck := func(b []byte) error { _, err := Decode[Check](b); return err }
	kinds := []struct {
		name   string
		good   []byte
		decode func([]byte) error
		fields []string // all required fields
	}{
		{"change", Encode(change), decodeChange, []string{"app_id", "domain", "seq", "requested_at"}},
		{"sync", Encode(wake), decodeSync, []string{"app_id", "wake"}},
		{"verify", Encode(verify), decodeVerify, []string{"app_id", "domain", "seq", "attempt", "due_at"}},
		{"check", Encode(ask), decodeCheck, []string{"app_id", "domain", "asked_at"}},
		{"event", Encode(event), decodeEvent, []string{"type", "app_id", "domain", "seq", "state", "at"}},
		{"event of an app", Encode(blocked), decodeEvent, []string{"type", "app_id", "at"}},
	}
	for _, k := range kinds {
		for _, field := range k.fields {
			for _, wrong := range []any{missing, nil, "", "?", 0, -1, true, []int{1}, map[string]int{"a": 1}} {
				t.Run(fmt.Sprintf("%s %s %v", k.name, field, wrong), func(t *testing.T) {
					t.Parallel()
					checkNamesField(t, k.decode(withField(t, k.good, field, wrong)), field)
				})
			}
		}
	}
	for _, c := range []struct {
		field string
		wrong any
	}{
		{"www", "sometimes"}, {"www", 1}, {"site_id", "seven"}, {"site_id", 1.5},
		{"seq", 1.5}, {"seq", "12"}, {"app_id", "a/b"}, {"app_id", strings.Repeat("a", 65)}, {"domain", "example.com/"},
		{"requested_at", "yesterday"}, {"requested_at", "2026-03-01 12:00:00"}, {"requested_at", 1772366400},
		{"requested_at", "0001-01-01T00:00:00Z"},
		{"attempts", -1}, {"attempts", 21}, {"attempts", 1.5}, {"attempts", "7"}, {"attempts", true},
		{"by", 7}, {"by", "anna\nis done"}, {"by", "\x1b[31m"}, {"by", strings.Repeat("ä", 65)},
	} {
		t.Run(fmt.Sprintf("change %s %v", c.field, c.wrong), func(t *testing.T) {
			t.Parallel()
			checkNamesField(t, decodeChange(withField(t, Encode(change), c.field, c.wrong)), c.field)
		})
	}
	checkNamesField(t, decodeVerify(withField(t, Encode(verify), "by", "\u202e")), "by")
	checkNamesField(t, decodeCheck(withField(t, Encode(ask), "www", "sometimes")), "www")
	checkNamesField(t, decodeCheck(withField(t, Encode(ask), "by", "anna\nis done")), "by")
	checkNamesField(t, decodeEvent(withField(t, Encode(event), "names", []int{1})), "names")
	checkNamesField(t, decodeEvent(withField(t, Encode(event), "state", "mislaid")), "state")
	checkNamesField(t, decodeEvent(withField(t, Encode(event), "type", "app.gone")), "type")
}

type absent struct{}

func (absent) String() string { return "missing" }

var missing absent

// withField returns the payload with one field set to another value, or removed.
func withField(t *testing.T, payload []byte, field string, value any) []byte {
	t.Helper()
	fields := map[string]any{}
	if err := json.Unmarshal(payload, &fields); err != nil {
		t.Fatal(err)
	}
	if seq, ok := fields["seq"].(float64); ok {
		fields["seq"] = int64(seq)
	}
	fields[field] = value
	if value == missing {
		delete(fields, field)
	}
	b, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func checkNamesField(t *testing.T, err error, field string) {
	t.Helper()
	if !errors.Is(err, ErrPayload) {
		t.Fatalf("got %v; want an ErrPayload that names %s", err, field)
	}
	rest := strings.TrimPrefix(err.Error(), "bad payload: ")
	if !strings.HasPrefix(rest, field+" ") || strings.Contains(rest, "\n") {
		t.Errorf("%q should be one line and start with %s", err, field)
	}
}

func TestDecodeMessagesReadWell(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, payload, want string }{
		{"all missing fields are listed", `{}`,
			`bad payload: app_id is ""; it takes 1 to 64 letters, digits, _ or -; ` +
				`domain "" is refused: it is empty; give a name such as example.com; ` +
				`seq is 0; it takes an order number from 1 to 2^53; ` +
				`requested_at is missing; it takes a time as in RFC 3339`},
		{"a wrong type is named", `{"seq":"5"}`, `bad payload: seq is a JSON string; it takes a whole number`},
		{"a wrong time is quoted", `{"requested_at":"yesterday"}`, `bad payload: requested_at is "yesterday"; it takes a time as in RFC 3339`},
		{"not an object", `[]`, `bad payload: not the JSON it should be: json: cannot unmarshal array into Go value of type tasks.Change`},
		{"not JSON", `a:1:{`, `bad payload: not the JSON it should be: invalid character 'a' looking for beginning of value`},
		{"nothing", ``, `bad payload: not the JSON it should be: unexpected end of JSON input`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := Decode[Change]([]byte(c.payload))
			if err == nil || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestDecodeWrapsTheHostnameError(t *testing.T) {
	t.Parallel()
	_, err := Decode[Change](withField(t, Encode(change), "domain", "co.uk"))
	var refused *HostnameError
	if !errors.As(err, &refused) || refused.Code != "suffix" {
		t.Errorf("got %v; want a HostnameError inside", err)
	}
}

func TestOrderNumbersAreAtMostTwoToThe53(t *testing.T) {
	t.Parallel()
	for seq, ok := range map[int64]bool{1: true, 1 << 53: true, 1<<53 + 1: false, 1<<63 - 1: false, 0: false, -5: false} {
		c := change
		c.Seq = seq
		_, err := Decode[Change](Encode(c))
		if ok != (err == nil) {
			t.Errorf("seq %d: %v", seq, err)
		}
		if !ok {
			checkNamesField(t, err, "seq")
		}
	}
}

func TestParseWWWAcceptsOnlyTheThreeValues(t *testing.T) {
	t.Parallel()
	for s, ok := range map[string]bool{"always": true, "main_only": true, "never": true, "": false, "Always": false, "main-only": false} {
		got, err := ParseWWW(s)
		if ok != (err == nil) || ok && string(got) != s {
			t.Errorf("ParseWWW(%q) = %q, %v", s, got, err)
		}
	}
}

func TestAppIDsAreSafeInKeysAndURLs(t *testing.T) {
	t.Parallel()
	for id, ok := range map[string]bool{
		"UXOSIYrdtL4cSGp3": true, "a": true, "a_b-C9": true, strings.Repeat("a", 64): true,
		"": false, "a b": false, "a/b": false, "a}b": false, "a:b": false, "ä": false, "a\n": false, strings.Repeat("a", 65): false,
	} {
		if err := CheckAppID(id); ok != (err == nil) {
			t.Errorf("CheckAppID(%q) = %v", id, err)
		}
	}
}

func TestErrorsQuoteLongValuesShortened(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("9", 1<<20)
	for _, payload := range []string{
		`{"app_id":"` + long + `","domain":"` + long + `","www":"` + long + `","by":"` + long + `"}`,
		`{"app_id":"a","seq":` + long + `}`, `{"requested_at":"` + long + `"}`,
		`{"type":"` + long + `"}`, `{"type":"domain.state","state":"` + long + `"}`, `{"names":` + long + `}`, long,
	} {
		_, change := Decode[Change]([]byte(payload))
		_, event := Decode[Event]([]byte(payload))
		for _, err := range []error{change, event} {
			if err != nil && len(err.Error()) > 1000 {
				t.Errorf("%.40s…: %d bytes: %.200s…", payload, len(err.Error()), err)
			}
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, p := range [][]byte{Encode(change), Encode(wake), Encode(verify), Encode(event), Encode(blocked), []byte(`{}`), []byte(`null`),
		[]byte(`{"app_id":"a","wake":1,"more":{}}`), []byte(`{"requested_at":"9999-12-31T23:59:59-23:59"}`)} {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		checkRoundTrip[Change](t, payload)
		checkRoundTrip[Sync](t, payload)
		checkRoundTrip[Verify](t, payload)
		checkRoundTrip[Event](t, payload)
	})
}

// checkRoundTrip checks that an accepted payload stays the same when it is encoded and
// decoded again.
func checkRoundTrip[T Change | Sync | Verify | Event](t *testing.T, payload []byte) {
	p, err := Decode[T](payload)
	if err != nil {
		if !errors.Is(err, ErrPayload) && !errors.Is(err, ErrNewer) {
			t.Fatalf("%s: %v is neither an ErrPayload nor an ErrNewer", payload, err)
		}
		return
	}
	again, err := Decode[T](Encode(p))
	if err != nil {
		t.Fatalf("%s decodes to %+v, which doesn't: %v", payload, p, err)
	}
	if diff := cmp.Diff(p, again); diff != "" {
		t.Fatalf("%s (-first +second):\n%s", payload, diff)
	}
}
