package janitor

import (
	"context"
	"fmt"
	"strconv"

	"github.com/sirupsen/logrus"

	"pilotsync/tasks"
)

// Bounds of the names of queues that aren't pilotsync's. Any producer can add names, since asynq's
// clients register the queues that they use. A removed name is missing only where queues are
// listed: asynq handles its tasks as before.
const (
	maxOtherNames = 50
	maxName       = 64   // bytes
	namesPage     = 1000 // names that a command removes, which takes Redis some milliseconds
	namesPages    = 1000 // commands of a pass
)

// removeOtherNames removes names of queues that aren't pilotsync's, if they are many or odd.
func (j *Janitor) removeOtherNames(ctx context.Context) error {
	args := []any{maxOtherNames, maxName, namesPage}
	for _, queue := range tasks.Queues() {
		args = append(args, queue)
	}
	total, example := 0, ""
	for range namesPages {
		reply, err := j.scripts.names.Run(ctx, j.Redis, []string{queuesKey}, args...).Slice()
		if err != nil {
			return fmt.Errorf("remove names of other queues from %s: %w", queuesKey, err)
		}
		removedNow, _ := reply[0].(int64)
		for range removedNow {
			j.Count(Repair{otherQueue, removed})
		}
		if total += int(removedNow); removedNow > 0 {
			example = fmt.Sprint(reply[1])
		}
		if reply[2] == int64(0) {
			break
		}
	}
	if total > 0 {
		j.lines.Log(j.Log.WithFields(logrus.Fields{"kind": otherQueue, "action": removed, "removed": total, "begins": printable([]byte(example))}), logrus.WarnLevel, otherQueue,
			queuesKey+" had names of queues that aren't pilotsync's, more than "+strconv.Itoa(maxOtherNames)+" or odd ones; they were removed")
	}
	return nil
}
