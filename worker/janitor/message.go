package janitor

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// messageFormat is asynq's own message type, which asynq doesn't export: it decodes
// exactly what asynq decodes.
type messageFormat struct {
	kind      protoreflect.MessageType
	id, queue protoreflect.FieldDescriptor
}

// newMessageFormat fails only with an asynq whose message has another name.
func newMessageFormat() (messageFormat, error) {
	kind, err := protoregistry.GlobalTypes.FindMessageByName("asynq.TaskMessage")
	if err != nil {
		return messageFormat{}, fmt.Errorf("find asynq's message type: %w", err)
	}
	fields := kind.Descriptor().Fields()
	f := messageFormat{kind, fields.ByName("id"), fields.ByName("queue")}
	if f.id == nil || f.queue == nil {
		return messageFormat{}, fmt.Errorf("asynq's message type has no id or no queue: %v", kind.Descriptor())
	}
	return f, nil
}

// defect is what keeps asynq from ever finishing a message.
type defect struct {
	kind       string // empty for a message without one
	reason     string
	relabelled []byte // the message as it should be; nil if it can't be repaired
}

// examine judges the message that is stored under an id in a queue.
func (f messageFormat) examine(queue, id string, raw []byte) defect {
	msg := f.kind.New()
	if err := proto.Unmarshal(raw, msg.Interface()); err != nil {
		// The library varies its spaces, so that no program relies on its words.
		return defect{kind: unreadable, reason: "asynq can't decode it: " + strings.ReplaceAll(err.Error(), "\u00a0", " ")}
	}
	msgID, msgQueue := msg.Get(f.id).String(), msg.Get(f.queue).String()
	if msgID == id && msgQueue == queue {
		return defect{}
	}
	d := defect{kind: mislabelled, reason: fmt.Sprintf("asynq can't put it away: its message says id %.60q and queue %.60q", msgID, msgQueue)}
	// The key and list where it is stored decide: by those asynq finds it, hands it out
	// and finishes it. Running it again is harmless, as for every task of ours; one that
	// is defective in another way goes to the archive with that reason.
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
