package message

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Limits are a worker's limits for the tasks of one queue.
type Limits struct {
	Timeout  time.Duration // of one run, in whole seconds
	MaxRetry int           // how many failures may count
	// Retention is how long a finished task is kept at most. Keep replaces what a message asks for;
	// 0 leaves it. A message that asks for no retention gets none.
	Retention, Keep time.Duration
}

// retention is that of a message which asks for so many seconds.
func (l Limits) retention(asked int64) int64 {
	switch most := int64(l.Retention / time.Second); {
	case asked <= 0:
		return 0
	case l.Keep > 0:
		return int64(l.Keep / time.Second)
	default:
		return min(asked, most)
	}
}

// Limit returns the message that is stored under an id in a queue, with the worker's limits in place
// of its own. So asynq never applies what a producer wrote: a deadline of 1970, a negative timeout,
// a retry limit of billions, another key of Redis as a lock, or a group that no server handles. It
// also has that id and queue. The error says why asynq can't decode the message, or can't have it.
func (f Format) Limit(queue, id string, raw []byte, l Limits) ([]byte, error) {
	msg, err := f.decode(raw)
	if err != nil {
		return nil, err
	}
	changed := false
	set := func(field protoreflect.FieldDescriptor, v protoreflect.Value) {
		if !msg.Get(field).Equal(v) {
			msg.Set(field, v)
			changed = true
		}
	}
	retried := max(0, min(msg.Get(f.fields.retried).Int(), int64(l.MaxRetry)))
	set(f.fields.id, protoreflect.ValueOfString(id))
	set(f.fields.queue, protoreflect.ValueOfString(queue))
	set(f.fields.retry, protoreflect.ValueOfInt32(int32(l.MaxRetry)))
	set(f.fields.retried, protoreflect.ValueOfInt32(int32(retried)))
	set(f.fields.timeout, protoreflect.ValueOfInt64(int64(l.Timeout/time.Second)))
	set(f.fields.deadline, protoreflect.ValueOfInt64(0))
	set(f.fields.retention, protoreflect.ValueOfInt64(l.retention(msg.Get(f.fields.retention).Int())))
	set(f.fields.uniqueKey, protoreflect.ValueOfString(""))
	set(f.fields.groupKey, protoreflect.ValueOfString(""))
	if !changed {
		return raw, nil
	}
	limited, err := proto.Marshal(msg.Interface())
	if err != nil {
		return nil, fmt.Errorf("asynq can't have it under its id: %s", spaces(err))
	}
	return limited, nil
}

// sinceHeader is the header of a task that was retried: when it was first, in seconds since 1970.
const sinceHeader = "pilotsync-retried-since"

// maxError is how much of an error's text a message keeps, in bytes. Others see it in asynqmon.
const maxError = 4 << 10

// Retried returns a message that asynq is about to store for a retry. It notes when the task was
// first retried, for [RetriedFor], and shortens a long error.
func (f Format) Retried(raw []byte, now time.Time) ([]byte, error) {
	msg, err := f.decode(raw)
	if err != nil {
		return nil, err
	}
	headers := msg.Mutable(f.fields.headers).Map()
	key := protoreflect.ValueOfString(sinceHeader).MapKey()
	if _, ok := parseSince(headers.Get(key).String(), now); !ok {
		headers.Set(key, protoreflect.ValueOfString(strconv.FormatInt(now.Unix(), 10)))
	}
	if text := msg.Get(f.fields.errorMsg).String(); len(text) > maxError {
		msg.Set(f.fields.errorMsg, protoreflect.ValueOfString(strings.ToValidUTF8(text[:maxError], "")+" …"))
	}
	return proto.Marshal(msg.Interface())
}

// RetriedFor returns how long a task with the given headers has been retried; 0 for a task that
// wasn't yet.
func RetriedFor(headers map[string]string, now time.Time) time.Duration {
	since, _ := parseSince(headers[sinceHeader], now)
	return now.Sub(since)
}

// parseSince parses the header. A time to come, which another program wrote, doesn't count.
func parseSince(text string, now time.Time) (since time.Time, ok bool) {
	s, err := strconv.ParseInt(text, 10, 64)
	if since = time.Unix(s, 0); err != nil || s <= 0 || since.After(now) {
		return now, false
	}
	return since, true
}
