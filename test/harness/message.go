package harness

import (
	"maps"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// Message encodes asynq's message of a task that no client made. fields has integers by the numbers
// of their fields: 5 retry, 6 retried, 8 timeout, 9 deadline, 12 retention, 13 completed at.
func Message(kind, id, queue string, payload []byte, fields map[protowire.Number]int64) (b []byte) {
	for i, value := range [][]byte{[]byte(kind), payload, []byte(id), []byte(queue)} {
		b = protowire.AppendBytes(protowire.AppendTag(b, protowire.Number(i+1), protowire.BytesType), value)
	}
	for _, number := range slices.Sorted(maps.Keys(fields)) {
		b = protowire.AppendVarint(protowire.AppendTag(b, number, protowire.VarintType), uint64(fields[number]))
	}
	return b
}
