package worker

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// envelope is asynq's own message type, which asynq keeps to itself: what this
// one can decode asynq can, and nothing else.
type envelope struct {
	kind      protoreflect.MessageType
	id, queue protoreflect.FieldDescriptor
}

// newEnvelope fails only with an asynq that names its message otherwise.
func newEnvelope() (envelope, error) {
	kind, err := protoregistry.GlobalTypes.FindMessageByName("asynq.TaskMessage")
	if err != nil {
		return envelope{}, fmt.Errorf("find asynq's message type: %w", err)
	}
	fields := kind.Descriptor().Fields()
	e := envelope{kind, fields.ByName("id"), fields.ByName("queue")}
	if e.id == nil || e.queue == nil {
		return envelope{}, fmt.Errorf("asynq's message type has no id or no queue: %v", kind.Descriptor())
	}
	return e, nil
}

// flaw is what keeps asynq from ever being done with a message.
type flaw struct {
	kind   string // empty for a message in order
	why    string
	mended []byte // the message as it should be; nil if it can't be mended
}

// examine judges the message that lies under an id in a queue.
func (e envelope) examine(queue, id string, raw []byte) flaw {
	msg := e.kind.New()
	if err := proto.Unmarshal(raw, msg.Interface()); err != nil {
		// The library varies its spaces, so that nobody relies on its words.
		return flaw{kind: strayUnreadable, why: "asynq can't decode it: " + strings.ReplaceAll(err.Error(), "\u00a0", " ")}
	}
	isID, isQueue := msg.Get(e.id).String(), msg.Get(e.queue).String()
	if isID == id && isQueue == queue {
		return flaw{}
	}
	f := flaw{kind: strayMislabelled, why: fmt.Sprintf("asynq can't put it away: its message says id %.60q and queue %.60q", isID, isQueue)}
	// Where it lies decides: it is found there, handed out and put away by that. To
	// run it again is harmless, as for every task of ours; one that is no good for
	// another reason goes to the archive with that.
	msg.Set(e.id, protoreflect.ValueOfString(id))
	msg.Set(e.queue, protoreflect.ValueOfString(queue))
	mended, err := proto.Marshal(msg.Interface())
	if err != nil { // an id that isn't UTF-8
		f.why += "; it can't be given the right ones: " + strings.ReplaceAll(err.Error(), "\u00a0", " ")
		return f
	}
	f.mended = mended
	return f
}
