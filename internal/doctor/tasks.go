package doctor

import (
	"errors"
	"fmt"
	"strings"

	"github.com/hibiken/asynq"

	"pilotsync/tasks"
)

const (
	tasksRead  = 1000 // of each state of each queue
	tasksNamed = 5
)

// checkTasks decodes the waiting tasks like a worker, so it finds a malformed task before asynq
// archives it.
func checkTasks(inspector *asynq.Inspector, queues map[string]*asynq.QueueInfo) Result {
	read, all := 0, 0
	var bad, newer []string
	for _, queue := range tasks.Queues() {
		if queues[queue] == nil {
			continue
		}
		all += queues[queue].Pending + queues[queue].Scheduled + queues[queue].Retry
		for _, list := range []func(string, ...asynq.ListOption) ([]*asynq.TaskInfo, error){
			inspector.ListPendingTasks, inspector.ListScheduledTasks, inspector.ListRetryTasks,
		} {
			waiting, err := list(queue, asynq.PageSize(tasksRead))
			if errors.Is(err, asynq.ErrQueueNotFound) {
				continue
			}
			if err != nil {
				return redisUnreadable(CheckTasks, err)
			}
			read += len(waiting)
			for _, t := range waiting {
				err := decode(queue, t.Type, t.Payload)
				problem := fmt.Sprintf("%q on %s: %v", t.ID, queue, err)
				switch {
				case errors.Is(err, tasks.ErrNewer):
					newer = append(newer, problem)
				case err != nil:
					bad = append(bad, problem)
				}
			}
		}
	}
	return evaluateTasks(read, all, bad, newer)
}

// decode reports what is wrong with a task for the queue it is on.
func decode(queue, kind string, payload []byte) (err error) {
	switch [2]string{queue, kind} {
	case [2]string{tasks.QueueDomains, tasks.TypeDomainAdd}, [2]string{tasks.QueueDomains, tasks.TypeDomainRemove}:
		_, err = tasks.Decode[tasks.Change](payload)
	case [2]string{tasks.QueueLists, tasks.TypeAppSync}:
		_, err = tasks.Decode[tasks.Sync](payload)
	case [2]string{tasks.QueueSSL, tasks.TypeSSLVerify}:
		_, err = tasks.Decode[tasks.Verify](payload)
	case [2]string{tasks.QueueEvents, tasks.TypeEventDeliver}:
		_, err = tasks.Decode[tasks.Event](payload)
	case [2]string{tasks.QueueChecks, tasks.TypeDomainCheck}:
		_, err = tasks.Decode[tasks.Check](payload)
	default:
		err = fmt.Errorf("no such task type on this queue: %q", kind)
	}
	return err
}

// evaluateTasks evaluates malformed tasks and those of a newer release.
func evaluateTasks(read, all int, bad, newer []string) Result {
	if len(bad) > 0 {
		return failure(CheckTasks, fmt.Sprintf("%d of the %d waiting tasks that were read can't be understood: %s", len(bad), read, someOf(bad)),
			"Find the program that wrote them (docs/wire-format.md has the format) and correct it; a worker archives such tasks. Request their domains again.")
	}
	if len(newer) > 0 {
		return warning(CheckTasks, fmt.Sprintf("%d of the %d waiting tasks that were read are in a later format than this program knows: %s", len(newer), read, someOf(newer)),
			"They wait for a worker that knows it, and nothing of them is lost: update the workers, and this program.")
	}
	detail := fmt.Sprintf("the %d tasks that wait are as they should be", read)
	switch {
	case read == 0:
		detail = "no task waits"
	case read == 1 && all == 1:
		detail = "the task that waits is as it should be"
	case read < all:
		detail = fmt.Sprintf("the %d tasks that were read, of %d that wait, are as they should be", read, all)
	}
	return ok(CheckTasks, detail)
}

// someOf lists the first few.
func someOf(found []string) string {
	named := strings.Join(found[:min(len(found), tasksNamed)], "; ")
	if more := len(found) - tasksNamed; more > 0 {
		named += fmt.Sprintf("; and %d more", more)
	}
	return named
}
