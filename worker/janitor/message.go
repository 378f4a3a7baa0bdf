package janitor

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// messageFormat is asynq's unexported message type: it decodes exactly what asynq decodes.
type messageFormat struct {
	message   protoreflect.MessageType
	id, queue protoreflect.FieldDescriptor
}

// newMessageFormat fails only if asynq's message type has changed its name.
func newMessageFormat() (messageFormat, error) {
	message, err := protoregistry.GlobalTypes.FindMessageByName("asynq.TaskMessage")
	if err != nil {
		return messageFormat{}, fmt.Errorf("find asynq's message type: %w", err)
	}
	fields := message.Descriptor().Fields()
	f := messageFormat{message, fields.ByName("id"), fields.ByName("queue")}
	if f.id == nil || f.queue == nil {
		return messageFormat{}, fmt.Errorf("asynq's message type has no id or no queue: %v", message.Descriptor())
	}
	return f, nil
}

// defect is the reason why asynq can never finish a message.
type defect struct {
	kind       string // of a [Repair]; empty for a message without a defect
	reason     string
	relabelled []byte // the repaired message; nil if it can't be repaired
}

// examine finds the defect of the message that is stored under an id in a queue.
func (f messageFormat) examine(queue, id string, raw []byte) defect {
	msg := f.message.New()
	if err := proto.Unmarshal(raw, msg.Interface()); err != nil {
		// protobuf varies its spaces, so programs don't rely on the text.
		return defect{kind: unreadable, reason: "asynq can't decode it: " + strings.ReplaceAll(err.Error(), "\u00a0", " ")}
	}
	msgID, msgQueue := msg.Get(f.id).String(), msg.Get(f.queue).String()
	if msgID == id && msgQueue == queue {
		return defect{}
	}
	d := defect{kind: mislabelled, reason: fmt.Sprintf("asynq can't put it away: its message says id %.60q and queue %.60q", msgID, msgQueue)}
	// The key and list where it is stored decide, since asynq finds it, hands it out and
	// finishes it by them. Running it again is harmless, as for every task of pilotsync. If
	// it has another defect, the handler archives it with that reason.
	msg.Set(f.id, protoreflect.ValueOfString(id))
	msg.Set(f.queue, protoreflect.ValueOfString(queue))
	relabelled, err := proto.Marshal(msg.Interface())
	if err != nil { // an id that isn't UTF-8
		d.reason += "; it can't be given the right ones: " + strings.ReplaceAll(err.Error(), "\u00a0", " ")
		return d
	}
	d.relabelled = relabelled
	return d
}
