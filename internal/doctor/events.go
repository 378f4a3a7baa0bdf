package doctor

import (
	"errors"
	"fmt"
	"time"

	"github.com/hibiken/asynq"

	"pilotsync/tasks"
)

const (
	eventsRead = 1000 // of each state
	// keepsFailing is how long the deliveries of an event must have failed to count. A
	// receiver that restarts answers again within that time.
	keepsFailing = time.Minute
)

// checkEvents finds events that their receivers refuse.
func checkEvents(inspector *asynq.Inspector, now time.Time) Result {
	retrying, err := inspector.ListRetryTasks(tasks.QueueEvents, asynq.PageSize(eventsRead))
	if errors.Is(err, asynq.ErrQueueNotFound) {
		return evaluateEvents(nil, nil, now)
	}
	if err != nil {
		return redisUnreadable(CheckEvents, err)
	}
	failed, err := inspector.ListArchivedTasks(tasks.QueueEvents, asynq.PageSize(eventsRead))
	if err != nil {
		return redisUnreadable(CheckEvents, err)
	}
	return evaluateEvents(retrying, failed, now)
}

// evaluateEvents evaluates the retried and the failed events.
func evaluateEvents(retrying, failed []*asynq.TaskInfo, now time.Time) Result {
	var last *asynq.TaskInfo // the last one that was sent
	note := func(t *asynq.TaskInfo) {
		if last == nil || t.LastFailedAt.After(last.LastFailedAt) {
			last = t
		}
	}
	again, oldest := 0, now
	for _, t := range retrying {
		e, err := tasks.Decode[tasks.Event](t.Payload)
		if err != nil || t.LastErr == "" || now.Sub(e.At) < keepsFailing {
			continue
		}
		again++
		if e.At.Before(oldest) {
			oldest = e.At
		}
		note(t)
	}
	for _, t := range failed {
		note(t)
	}
	if last == nil {
		return ok(CheckEvents, "no event keeps failing")
	}
	answer := "the last answer: " + last.LastErr
	const remedy = "'pilotsync events' shows them. Each is sent for two days; 'pilotsync events replay ID' sends it once more. The plugin itself answers 401 where the secrets differ or a clock is wrong."
	switch {
	case again == 0:
		return warning(CheckEvents, fmt.Sprintf("%s given up; %s", counted(len(failed), "event was", "events were"), answer), remedy)
	case len(failed) == 0:
		return warning(CheckEvents, fmt.Sprintf("%s failing, the oldest for %s; %s", counted(again, "event keeps", "events keep"), rounded(now.Sub(oldest)), answer), remedy)
	}
	return warning(CheckEvents, fmt.Sprintf("%s failing, the oldest for %s, and %s given up; %s", counted(again, "event keeps", "events keep"),
		rounded(now.Sub(oldest)), counted(len(failed), "was", "were"), answer), remedy)
}

// counted is a number with the words that go with it.
func counted(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}
