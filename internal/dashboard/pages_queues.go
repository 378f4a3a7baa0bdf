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

// queueReader is what the pages read from the queues.
type queueReader interface {
	// Queues returns pilotsync's four queues, in the order in which a change uses them.
	Queues(ctx context.Context) ([]queue, error)
	// Workers returns the running workers, by host and process id.
	Workers(ctx context.Context) ([]process, error)
	// DisabledWebhooks counts the webhooks that answered 410 Gone.
	DisabledWebhooks(ctx context.Context) (int, error)
	// Quarantined counts the messages that asynq couldn't process.
	Quarantined(ctx context.Context) (int, error)
	// Tasks returns those of the tasks that asynq still has.
	Tasks(ctx context.Context, of ...taskRef) ([]taskLink, error)
}

// queue has the figures of one queue, in tasks.
type queue struct {
	Name                                  string
	Ready, Active, Later, Retry, Archived int           // Archived: failed for good
	Oldest                                time.Duration // how long the oldest ready task has waited
	Paused                                bool
	ReadError                             string // why its figures couldn't be read
}

// Purpose is what the queue's tasks do.
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
	case tasks.QueueChecks:
		return "checks before a domain is added"
	}
	return ""
}

// Waiting counts the scheduled tasks and the retries.
func (q queue) Waiting() int { return q.Later + q.Retry }

// Path is the queue's page in asynqmon.
func (q queue) Path() string { return "/asynqmon/queues/" + url.PathEscape(q.Name) }

// process is a worker. It has an asynq server for each queue.
type process struct {
	Host    string
	PID     int
	Started time.Time
	Busy    int // active tasks
	// Missing lists the queues for which the worker has no running server.
	Missing []string
}

// taskRef identifies a task; Label is its name on the page.
type taskRef struct{ Queue, ID, Label string }

// taskLink is a task that asynq still has.
type taskLink struct {
	taskRef
	State string // as people read it
}

// Path is the task's page in asynqmon.
func (t taskRef) Path() string {
	return "/asynqmon/queues/" + url.PathEscape(t.Queue) + "/tasks/" + url.PathEscape(t.ID)
}

// queueInspector reads the queues through asynq's Inspector. The Inspector takes no context,
// so it is used only after the ledger has answered.
type queueInspector struct {
	*asynq.Inspector
	rdb redis.UniversalClient
}

// disabledWebhooksKey is the worker's hash of webhooks that answered 410 Gone.
const disabledWebhooksKey = "pilotsync:webhooks:off"

func (i queueInspector) Queues(ctx context.Context) ([]queue, error) {
	known, err := i.Inspector.Queues()
	if err != nil {
		return nil, fmt.Errorf("list the queues: %w", err)
	}
	all := make([]queue, 0, len(tasks.Queues()))
	for _, name := range tasks.Queues() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		q := queue{Name: name}
		if slices.Contains(known, name) {
			info, err := i.GetQueueInfo(name)
			if err != nil {
				// An error of one queue must not hide the others.
				q.ReadError = err.Error()
			} else {
				q.Ready, q.Active, q.Later, q.Retry, q.Archived = info.Pending, info.Active, info.Scheduled, info.Retry, info.Archived
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
	return groupByProcess(servers), nil
}

func (i queueInspector) Quarantined(ctx context.Context) (int, error) {
	return janitor.NewQuarantine(i.rdb).Count(ctx)
}

// groupByProcess groups asynq servers by process. Other programs may use the same Redis, so
// it ignores servers without a queue of pilotsync.
func groupByProcess(servers []*asynq.ServerInfo) []process {
	type id struct {
		host string
		pid  int
	}
	all, served := map[id]*process{}, map[id]map[string]bool{}
	for _, s := range servers {
		for _, name := range tasks.Queues() {
			if _, ok := s.Queues[name]; !ok || s.Status != "active" {
				continue
			}
			key := id{s.Host, s.PID}
			if all[key] == nil {
				all[key], served[key] = &process{Host: s.Host, PID: s.PID, Started: s.Started}, map[string]bool{}
			}
			served[key][name] = true
			all[key].Busy += len(s.ActiveWorkers)
			if s.Started.Before(all[key].Started) {
				all[key].Started = s.Started
			}
		}
	}
	sorted := make([]process, 0, len(all))
	for key, p := range all {
		for _, name := range tasks.Queues() {
			if !served[key][name] {
				p.Missing = append(p.Missing, name)
			}
		}
		sorted = append(sorted, *p)
	}
	slices.SortFunc(sorted, func(a, b process) int { return cmp.Or(strings.Compare(a.Host, b.Host), cmp.Compare(a.PID, b.PID)) })
	return sorted
}

func (i queueInspector) DisabledWebhooks(ctx context.Context) (int, error) {
	n, err := i.rdb.HLen(ctx, disabledWebhooksKey).Result()
	if err != nil {
		return 0, fmt.Errorf("count the webhooks that are switched off: %w", err)
	}
	return int(n), nil
}

func (i queueInspector) Tasks(ctx context.Context, refs ...taskRef) ([]taskLink, error) {
	var found []taskLink
	for _, ref := range refs {
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
		found = append(found, taskLink{ref, taskLabel(info.State)})
	}
	return found, nil
}

func taskLabel(s asynq.TaskState) string {
	switch s {
	case asynq.TaskStatePending:
		return "ready to run"
	case asynq.TaskStateActive:
		return "running"
	case asynq.TaskStateScheduled:
		return "scheduled"
	case asynq.TaskStateRetry:
		return "will be retried"
	case asynq.TaskStateArchived:
		return "archived"
	case asynq.TaskStateCompleted:
		return "completed"
	}
	return s.String()
}
