package message

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

var limits = Limits{Timeout: 30 * time.Second, MaxRetry: 10, Retention: time.Hour}

// encode encodes a message with fields by their names.
func encode(t *testing.T, f Format, fields map[string]any) []byte {
	t.Helper()
	msg := f.message.New()
	for name, v := range fields {
		msg.Set(f.message.Descriptor().Fields().ByName(protoreflect.Name(name)), protoreflect.ValueOf(v))
	}
	raw, err := proto.Marshal(msg.Interface())
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// decode returns a message's fields by their names.
func decode(t *testing.T, f Format, raw []byte) map[string]any {
	t.Helper()
	msg, err := f.decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	fields := map[string]any{}
	msg.Range(func(field protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if field.IsMap() {
			entries := map[string]string{}
			v.Map().Range(func(k protoreflect.MapKey, v protoreflect.Value) bool { entries[k.String()] = v.String(); return true })
			fields[string(field.Name())] = entries
			return true
		}
		fields[string(field.Name())] = v.Interface()
		return true
	})
	return fields
}

func newFormat(t *testing.T) Format {
	t.Helper()
	f, err := NewFormat()
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestTheWorkersLimitsReplaceThoseOfAMessage(t *testing.T) {
	t.Parallel()
	f := newFormat(t)
	base := func(more map[string]any) map[string]any {
		fields := map[string]any{"type": "domain:add", "payload": []byte("{}"), "id": "task", "queue": "domains", "retry": int32(10), "timeout": int64(30)}
		for name, v := range more {
			if v == nil {
				delete(fields, name)
			} else {
				fields[name] = v
			}
		}
		return fields
	}
	for name, c := range map[string]struct{ written, want map[string]any }{
		"its own":              {base(map[string]any{"retention": int64(60), "retried": int32(3)}), base(map[string]any{"retention": int64(60), "retried": int32(3)})},
		"a deadline of 1970":   {base(map[string]any{"deadline": int64(1), "timeout": nil}), base(nil)},
		"a negative deadline":  {base(map[string]any{"deadline": int64(-1)}), base(nil)},
		"a negative timeout":   {base(map[string]any{"timeout": int64(-5)}), base(nil)},
		"the longest timeout":  {base(map[string]any{"timeout": int64(math.MaxInt64)}), base(nil)},
		"neither":              {base(map[string]any{"timeout": nil}), base(nil)},
		"no retry":             {base(map[string]any{"retry": nil}), base(nil)},
		"a negative limit":     {base(map[string]any{"retry": int32(-1)}), base(nil)},
		"retries without end":  {base(map[string]any{"retry": int32(math.MaxInt32), "retried": int32(math.MinInt32)}), base(nil)},
		"too many retries":     {base(map[string]any{"retried": int32(math.MaxInt32)}), base(map[string]any{"retried": int32(10)})},
		"a year of retention":  {base(map[string]any{"retention": int64(31536000)}), base(map[string]any{"retention": int64(3600)})},
		"negative retention":   {base(map[string]any{"retention": int64(-1)}), base(nil)},
		"another key as lock":  {base(map[string]any{"unique_key": "pilotsync:ledger"}), base(nil)},
		"a group":              {base(map[string]any{"group_key": "g"}), base(nil)},
		"another id and queue": {base(map[string]any{"id": "other", "queue": "ssl"}), base(nil)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			raw := encode(t, f, c.written)
			limited, err := f.Limit("domains", "task", raw, limits)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, decode(t, f, limited)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestTheWorkersRetentionReplacesWhatAMessageAsksFor(t *testing.T) {
	t.Parallel()
	l := Limits{Retention: 24 * time.Hour, Keep: 2 * time.Hour}
	for asked, want := range map[int64]int64{-1: 0, 0: 0, 1: 7200, 3600: 7200, math.MaxInt64: 7200} {
		if got := l.retention(asked); got != want {
			t.Errorf("%d s: %d s are kept, want %d", asked, got, want)
		}
	}
}

func TestAMessageThatAsynqCannotHaveIsRefused(t *testing.T) {
	t.Parallel()
	f := newFormat(t)
	for name, c := range map[string]struct{ id, raw, want string }{
		"JSON":                       {"task", `{"type":"domain:add"}`, "asynq can't decode it"},
		"invalid UTF-8":              {"task", "\x0a\x02\xff\xff", "asynq can't decode it"},
		"half a message":             {"task", string(encode(t, f, map[string]any{"type": "domain:add"})[:5]), "asynq can't decode it"},
		"under an id that isn't one": {"\xff", string(encode(t, f, map[string]any{"type": "domain:add"})), "asynq can't have it under its id"},
	} {
		if _, err := f.Limit("domains", c.id, []byte(c.raw), limits); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %s", name, err, c.want)
		}
	}
}

func TestARetriedMessageSaysSinceWhen(t *testing.T) {
	t.Parallel()
	f := newFormat(t)
	first := time.Unix(1_772_366_400, 0)
	raw, err := f.Retried(encode(t, f, map[string]any{"id": "task", "error_msg": strings.Repeat("é", maxError)}), first)
	if err != nil {
		t.Fatal(err)
	}
	again, err := f.Retried(raw, first.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	fields := decode(t, f, again)
	headers, _ := fields["headers"].(map[string]string)
	if got := RetriedFor(headers, first.Add(2*time.Hour)); got != 2*time.Hour {
		t.Errorf("it has been retried for %s", got)
	}
	if text, _ := fields["error_msg"].(string); len(text) > maxError+10 || !strings.HasSuffix(text, " …") {
		t.Errorf("its error has %d bytes", len(text))
	}
	for _, other := range []string{"", "tomorrow", "-5", "99999999999"} {
		if got := RetriedFor(map[string]string{sinceHeader: other}, first); got != 0 {
			t.Errorf("a header %q: %s", other, got)
		}
	}
}
