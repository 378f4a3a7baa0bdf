package dashboard

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"pilotsync/tasks"
	"pilotsync/worker/janitor"
)

// queueReader is what the pages read of the queues.
type queueReader interface {
	// Queues returns the figures of our four queues, in the order of a change's way.
	Queues(ctx context.Context) ([]queue, error)
	// Workers returns the processes that are alive, by name.
	Workers(ctx context.Context) ([]process, error)
	// SwitchedOff counts the webhooks that answered that they are gone for good.
	SwitchedOff(ctx context.Context) (int, error)
	// Quarantined counts the messages that asynq could do nothing with.
	Quarantined(ctx context.Context) (int, error)
	// Tasks returns those of the tasks that asynq still knows.
	Tasks(ctx context.Context, of ...taskRef) ([]taskLink, error)
}

// queue is where one of the queues stands, in tasks.
type queue struct {
	Name                               string
	Ready, Active, Later, Retry, Given int           // Given: given up, in asynq's archive
	Oldest                             time.Duration // since when the first of the ready ones waits
	Paused                             bool
	ReadError                          string // why its figures can't be read
}

// Purpose says what the queue carries.
func (q queue) Purpose() string {
	switch q.Name {
	case tasks.QueueDomains:
		return "requests to add and remove"
	case tasks.QueueLists:
		return "syncs of an app's list"
	case tasks.QueueSSL:
		return "checks of DNS and certificates"
	case tasks.QueueEvents:
		return "webhook events"
	}
	return ""
}

// Waiting are the tasks for a later time, or that are tried again.
func (q queue) Waiting() int { return q.Later + q.Retry }

// Path is the queue in asynqmon.
func (q queue) Path() string { return "/asynqmon/queues/" + url.PathEscape(q.Name) }

// process is a worker, which has an asynq server for each queue.
type process struct {
	Host    string
	PID     int
	Started time.Time
	Busy    int // tasks in hand
	// Missing are the queues for which it has no server (any more).
	Missing []string
}

// taskRef names a task; what is its role on the page.
type taskRef struct{ Queue, ID, What string }

// taskLink is a task that asynq still knows.
type taskLink struct {
	taskRef
	State string // in words
}

// Path is the task in asynqmon.
func (t taskRef) Path() string {
	return "/asynqmon/queues/" + url.PathEscape(t.Queue) + "/tasks/" + url.PathEscape(t.ID)
}

// queueInspector reads the queues through asynq's Inspector, which knows no context:
// it is asked only after the ledger answered.
type queueInspector struct {
	*asynq.Inspector
	rdb redis.UniversalClient
}

// switchedOffKey is the hash of webhooks that are gone for good; the worker's.
const switchedOffKey = "pilotsync:webhooks:off"

func queueNames() []string {
	return []string{tasks.QueueDomains, tasks.QueueLists, tasks.QueueSSL, tasks.QueueEvents}
}

func (i queueInspector) Queues(ctx context.Context) ([]queue, error) {
	known, err := i.Inspector.Queues()
	if err != nil {
		return nil, fmt.Errorf("list the queues: %w", err)
	}
	all := make([]queue, 0, 4)
	for _, name := range queueNames() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		q := queue{Name: name}
		if slices.Contains(known, name) {
			info, err := i.GetQueueInfo(name)
			if err != nil {
				// One queue that can't be read must not hide the others.
				q.ReadError = err.Error()
			} else {
				q.Ready, q.Active, q.Later, q.Retry, q.Given = info.Pending, info.Active, info.Scheduled, info.Retry, info.Archived
				q.Oldest, q.Paused = info.Latency, info.Paused
			}
		}
		all = append(all, q)
	}
	return all, nil
}

func (i queueInspector) Workers(context.Context) ([]process, error) {
	servers, err := i.Servers()
	if err != nil {
		return nil, fmt.Errorf("list the workers: %w", err)
	}
	return group(servers), nil
}

func (i queueInspector) Quarantined(ctx context.Context) (int, error) {
	return janitor.NewQuarantine(i.rdb).Count(ctx)
}

// group puts the servers of one process together. Other processes than workers of
// ours may share the Redis: a server that serves none of our queues is left out.
func group(servers []*asynq.ServerInfo) []process {
	type id struct {
		host string
		pid  int
	}
	all, serves := map[id]*process{}, map[id]map[string]bool{}
	for _, s := range servers {
		for _, name := range queueNames() {
			if _, ours := s.Queues[name]; !ours || s.Status != "active" {
				continue
			}
			at := id{s.Host, s.PID}
			if all[at] == nil {
				all[at], serves[at] = &process{Host: s.Host, PID: s.PID, Started: s.Started}, map[string]bool{}
			}
			serves[at][name] = true
			all[at].Busy += len(s.ActiveWorkers)
			if s.Started.Before(all[at].Started) {
				all[at].Started = s.Started
			}
		}
	}
	sorted := make([]process, 0, len(all))
	for at, p := range all {
		for _, name := range queueNames() {
			if !serves[at][name] {
				p.Missing = append(p.Missing, name)
			}
		}
		sorted = append(sorted, *p)
	}
	slices.SortFunc(sorted, func(a, b process) int { return cmp.Or(strings.Compare(a.Host, b.Host), cmp.Compare(a.PID, b.PID)) })
	return sorted
}

func (i queueInspector) SwitchedOff(ctx context.Context) (int, error) {
	n, err := i.rdb.HLen(ctx, switchedOffKey).Result()
	if err != nil {
		return 0, fmt.Errorf("look up which webhooks are switched off: %w", err)
	}
	return int(n), nil
}

func (i queueInspector) Tasks(ctx context.Context, of ...taskRef) ([]taskLink, error) {
	var found []taskLink
	for _, ref := range of {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		info, err := i.GetTaskInfo(ref.Queue, ref.ID)
		switch {
		case errors.Is(err, asynq.ErrTaskNotFound), errors.Is(err, asynq.ErrQueueNotFound):
			continue
		case err != nil:
			return nil, fmt.Errorf("look up the task %s: %w", ref.ID, err)
		}
		found = append(found, taskLink{ref, taskWord(info.State)})
	}
	return found, nil
}

func taskWord(s asynq.TaskState) string {
	switch s {
	case asynq.TaskStatePending:
		return "ready to run"
	case asynq.TaskStateActive:
		return "running"
	case asynq.TaskStateScheduled:
		return "waits for its time"
	case asynq.TaskStateRetry:
		return "is tried again"
	case asynq.TaskStateArchived:
		return "given up"
	case asynq.TaskStateCompleted:
		return "completed"
	}
	return s.String()
}
