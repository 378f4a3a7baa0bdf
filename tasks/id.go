package tasks

import "fmt"

// Task ids are derived from what a task is about. asynq refuses a second task with the
// same id, so enqueueing the same work twice is harmless.

// ID returns the id of the change's task.
func (c Change) ID() string { return fmt.Sprintf("change:%s:%s:%d", c.AppID, c.Domain, c.Seq) }

// ID returns the id of the sync's task: one for each wake of an app, and one for each hour.
func (s Sync) ID() string {
	if s.Hour != 0 {
		return fmt.Sprintf("sync:%s:hour:%d", s.AppID, s.Hour)
	}
	return fmt.Sprintf("sync:%s:%d", s.AppID, s.Wake)
}

// ID returns the id of the attempt's task. The id of a recheck contains its due time.
func (v Verify) ID() string {
	if v.Recheck {
		return fmt.Sprintf("watch:%s:%s:%d:%d", v.AppID, v.Domain, v.Seq, v.DueAt.Unix())
	}
	return fmt.Sprintf("verify:%s:%s:%d:%d", v.AppID, v.Domain, v.Seq, v.Attempt)
}

// ID returns the id of the event's task, which is also the webhook-id: it is the same
// each time the event is sent. No two events of an app have the same time.
func (e Event) ID() string { return fmt.Sprintf("event:%s:%d", e.AppID, e.At.UnixMicro()) }
