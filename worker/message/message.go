// Package message knows asynq's messages. It decodes exactly what asynq decodes, says why asynq
// could never finish a message, and replaces the limits in it by those of the worker.
package message

import (
	"fmt"
	"strings"

	_ "github.com/hibiken/asynq" // it registers its message type
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// Bounds of what a worker loads, in bytes. A user of Redis that may enqueue can write a message of
// any size that Redis takes. pilotsync's messages have some hundred bytes, and its ids at most 362.
const (
	MaxSize = 64 << 10
	MaxID   = 512
)

// Format is asynq's unexported message type.
type Format struct {
	message protoreflect.MessageType
	fields  fields
}

// fields are those of asynq's message that this package reads or writes.
type fields struct {
	id, queue, retry, retried, timeout, deadline, retention, uniqueKey, groupKey, headers, errorMsg protoreflect.FieldDescriptor
}

// NewFormat fails only if asynq's message type has changed its name or a field.
func NewFormat() (Format, error) {
	message, err := protoregistry.GlobalTypes.FindMessageByName("asynq.TaskMessage")
	if err != nil {
		return Format{}, fmt.Errorf("find asynq's message type: %w", err)
	}
	f := Format{message: message}
	for name, field := range map[protoreflect.Name]*protoreflect.FieldDescriptor{
		"id": &f.fields.id, "queue": &f.fields.queue, "retry": &f.fields.retry, "retried": &f.fields.retried, "timeout": &f.fields.timeout,
		"deadline": &f.fields.deadline, "retention": &f.fields.retention, "unique_key": &f.fields.uniqueKey, "group_key": &f.fields.groupKey,
		"headers": &f.fields.headers, "error_msg": &f.fields.errorMsg,
	} {
		if *field = message.Descriptor().Fields().ByName(name); *field == nil {
			return Format{}, fmt.Errorf("asynq's message type has no %s: %v", name, message.Descriptor())
		}
	}
	return f, nil
}

// decode decodes a message as asynq does.
func (f Format) decode(raw []byte) (protoreflect.Message, error) {
	msg := f.message.New()
	if err := proto.Unmarshal(raw, msg.Interface()); err != nil {
		return nil, fmt.Errorf("asynq can't decode it: %s", spaces(err))
	}
	return msg, nil
}

// Valid reports whether asynq can decode a message.
func (f Format) Valid(raw []byte) bool {
	_, err := f.decode(raw)
	return err == nil
}

// spaces returns an error's text. protobuf varies its spaces, so programs don't rely on the text.
func spaces(err error) string { return strings.ReplaceAll(err.Error(), "\u00a0", " ") }

// Kinds of defects.
const (
	Unreadable  = "unreadable"  // asynq can't decode it
	Mislabelled = "mislabelled" // it lacks its id or queue, or has those of another
)

// Defect is the reason why asynq can never finish a message. The zero Defect means that there is
// none.
type Defect struct {
	Kind       string
	Reason     string
	Relabelled []byte // the repaired message; nil if it can't be repaired
}

// Examine finds the defect of the message that is stored under an id in a queue.
func (f Format) Examine(queue, id string, raw []byte) Defect {
	msg, err := f.decode(raw)
	if err != nil {
		return Defect{Kind: Unreadable, Reason: err.Error()}
	}
	msgID, msgQueue := msg.Get(f.fields.id).String(), msg.Get(f.fields.queue).String()
	if msgID == id && msgQueue == queue {
		return Defect{}
	}
	d := Defect{Kind: Mislabelled, Reason: fmt.Sprintf("asynq can't put it away: its message says id %.60q and queue %.60q", msgID, msgQueue)}
	// The key and list where it is stored decide, since asynq finds it, hands it out and
	// finishes it by them. Running it again is harmless, as for every task of pilotsync. If
	// it has another defect, the handler archives it with that reason.
	msg.Set(f.fields.id, protoreflect.ValueOfString(id))
	msg.Set(f.fields.queue, protoreflect.ValueOfString(queue))
	relabelled, err := proto.Marshal(msg.Interface())
	if err != nil { // an id that isn't UTF-8
		d.Reason += "; it can't be given the right ones: " + spaces(err)
		return d
	}
	d.Relabelled = relabelled
	return d
}
