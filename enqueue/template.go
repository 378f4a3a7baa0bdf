package enqueue

import (
	"bytes"
	"strconv"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"pilotsync/tasks"
)

// changes.lua writes the order number and the time into a message, in place of these, which are
// as long.
const (
	minNumber  = 1_000_000_000_000_000 // the least order number: all have 16 digits
	numberText = "1000000000000000"
	timeText   = "2001-09-09T01:46:40.000001Z"
)

// template is a change as changes.lua takes it: its id without the number, and its message in
// four parts. Between these there are the number, the time and the number again.
type template [5]string

// newTemplate makes the template of a change without a number and a time.
func newTemplate(taskType string, c tasks.Change) template {
	c.Seq, c.RequestedAt = minNumber, time.UnixMicro(minNumber+1).UTC()
	id := c.ID()
	message, payloadAt := encodeMessage(taskType, tasks.Encode(c), id)
	// Neither can be in a value before it: a JSON string has no bare quotation mark.
	seq := payloadAt + bytes.Index(message[payloadAt:], []byte(`"seq":`)) + len(`"seq":`)
	at := payloadAt + bytes.Index(message[payloadAt:], []byte(`"requested_at":"`)) + len(`"requested_at":"`)
	idEnd := len(message) - len(messageTail()) - len(protoString(4, tasks.QueueDomains))
	text := string(message)
	return template{id[:len(id)-len(numberText)], text[:seq], text[seq+len(numberText) : at], text[at+len(timeText) : idEnd-len(numberText)], text[idEnd:]}
}

// encodeMessage encodes a task's message as asynq v0.26 does (docs/wire-format.md), and returns
// where the payload begins.
func encodeMessage(taskType string, payload []byte, id string) (message []byte, payloadAt int) {
	message = append(message, protoString(1, taskType)...)
	message = protowire.AppendTag(message, 2, protowire.BytesType)
	message = protowire.AppendVarint(message, uint64(len(payload)))
	payloadAt = len(message)
	message = append(message, payload...)
	message = append(message, protoString(3, id)...)
	message = append(message, protoString(4, tasks.QueueDomains)...)
	return append(message, messageTail()...), payloadAt
}

// messageTail has the message's fields after the queue.
func messageTail() []byte {
	var b []byte
	for _, field := range []struct {
		number protowire.Number
		value  uint64
	}{{5, MaxRetry}, {8, uint64(Timeout / time.Second)}, {12, uint64(Retention / time.Second)}} {
		b = protowire.AppendVarint(protowire.AppendTag(b, field.number, protowire.VarintType), field.value)
	}
	return b
}

func protoString(number protowire.Number, s string) []byte {
	return protowire.AppendString(protowire.AppendTag(nil, number, protowire.BytesType), s)
}

// id returns the task's id under an order number.
func (t template) id(seq int64) string { return t[0] + strconv.FormatInt(seq, 10) }
