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
	"pilotsync/worker/queuestats"
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
	Ready, Active, Later, Retry, Archived int // Archived: failed for good
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

// queueInspector reads the queues. asynq's own inspector takes no context, and loads payloads.
type queueInspector struct {
	rdb     redis.UniversalClient
	servers *queuestats.Servers
}

func newQueueInspector(rdb redis.UniversalClient) queueInspector {
	return queueInspector{rdb, queuestats.NewServers(rdb)}
}

// disabledWebhooksKey is the worker's hash of webhooks that answered 410 Gone.
const disabledWebhooksKey = "pilotsync:webhooks:off"

func (i queueInspector) Queues(ctx context.Context) ([]queue, error) {
	names := tasks.Queues()
	stats, err := queuestats.Queues(ctx, i.rdb, false, names...)
	if err != nil {
		return nil, err
	}
	all := make([]queue, len(names))
	for i, q := range stats {
		all[i] = queue{Name: names[i], Ready: q.Pending, Active: q.Active, Later: q.Scheduled, Retry: q.Retry, Archived: q.Archived, Paused: q.Paused}
		if q.Err != nil {
			all[i].ReadError = q.Err.Error()
		}
	}
	return all, nil
}

func (i queueInspector) Workers(ctx context.Context) ([]process, error) {
	servers, err := i.servers.Read(ctx)
	if err != nil {
		return nil, err
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

// Tasks reads the tasks' states only: their payloads may be large.
func (i queueInspector) Tasks(ctx context.Context, refs ...taskRef) ([]taskLink, error) {
	states := make([]*redis.StringCmd, len(refs))
	_, _ = i.rdb.Pipelined(ctx, func(p redis.Pipeliner) error { // each reply has its error
		for n, ref := range refs {
			states[n] = p.HGet(ctx, queueKey(ref.Queue)+"t:"+ref.ID, "state")
		}
		return nil
	})
	var found []taskLink
	for n, ref := range refs {
		state, err := states[n].Result()
		if err != nil && !errors.Is(err, redis.Nil) {
			return nil, fmt.Errorf("look up the task %s: %w", ref.ID, err)
		}
		if label := taskLabels[state]; label != "" {
			found = append(found, taskLink{ref, label})
		}
	}
	return found, nil
}

// taskLabels has what people read for each state that asynq stores.
var taskLabels = map[string]string{
	"pending": "ready to run", "active": "running", "scheduled": "scheduled", "retry": "will be retried", "archived": "archived", "completed": "completed",
}
