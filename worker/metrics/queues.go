package metrics

import (
	"context"
	"fmt"

	"github.com/hibiken/asynq"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
)

// queueCollector has the queues' figures under the names of asynq's exporter (asynq/x/metrics),
// which asynqmon and other dashboards expect. That exporter itself logs a line at each scrape
// while Redis is unavailable, and waits without a limit. It shows no queue at all if one can't
// be read.
type queueCollector struct {
	state *scraped[queueState]

	workers, up, tasks, size, latency, memory, processed, failed, paused *prometheus.Desc
}

type queueState struct {
	workers int
	queues  map[string]*asynq.QueueInfo // nil if it can't be read
}

func newQueueCollector(rdb redis.UniversalClient) *queueCollector {
	inspector := asynq.NewInspectorFromRedisClient(rdb)
	queue := func(name, help string, more ...string) *prometheus.Desc {
		return prometheus.NewDesc("asynq_"+name, help, append([]string{"queue"}, more...), nil)
	}
	return &queueCollector{
		state:     newScraped(func(ctx context.Context) (queueState, error) { return readQueues(ctx, rdb, inspector) }),
		workers:   prometheus.NewDesc("pilotsync_workers", "Workers that are alive, by asynq's heartbeats.", nil, nil),
		up:        prometheus.NewDesc("pilotsync_queue_up", "Whether the queue's figures could be read.", []string{"queue"}, nil),
		tasks:     queue("tasks_enqueued_total", "Number of tasks enqueued; broken down by queue and state.", "state"),
		size:      queue("queue_size", "Number of tasks in a queue."),
		latency:   queue("queue_latency_seconds", "Number of seconds the oldest pending task is waiting in pending state to be processed."),
		memory:    queue("queue_memory_usage_approx_bytes", "Number of memory used by a given queue (approximated number by sampling)."),
		processed: queue("tasks_processed_total", "Number of tasks processed (both succeeded and failed); broken down by queue."),
		failed:    queue("tasks_failed_total", "Number of tasks failed; broken down by queue."),
		paused:    queue("queue_paused_total", "Number of queues paused."),
	}
}

// readQueues reads asynq's figures. The inspector takes no context, so the time limits of the
// Redis client end its calls.
func readQueues(ctx context.Context, rdb redis.UniversalClient, inspector *asynq.Inspector) (queueState, error) {
	s := queueState{queues: map[string]*asynq.QueueInfo{}}
	if err := rdb.Ping(ctx).Err(); err != nil {
		return s, err // otherwise many calls would wait
	}
	servers, err := inspector.Servers()
	if err != nil {
		return s, fmt.Errorf("list the workers: %w", err)
	}
	// A worker has an asynq server for each queue.
	processes := map[string]bool{}
	for _, server := range servers {
		processes[fmt.Sprint(server.Host, "/", server.PID)] = true
	}
	s.workers = len(processes)
	names, err := inspector.Queues()
	if err != nil {
		return s, fmt.Errorf("list the queues: %w", err)
	}
	for _, name := range names {
		s.queues[name] = nil
		if info, err := inspector.GetQueueInfo(name); err == nil {
			s.queues[name] = info
		}
	}
	return s, ctx.Err()
}

// Describe implements [prometheus.Collector].
func (c *queueCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.workers, c.up, c.tasks, c.size, c.latency, c.memory, c.processed, c.failed, c.paused} {
		ch <- d
	}
}

// Collect implements [prometheus.Collector]. It reports nothing while Redis is unavailable;
// pilotsync_redis_up says that.
func (c *queueCollector) Collect(ch chan<- prometheus.Metric) {
	s, err := c.state.get()
	if err != nil {
		return
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	gauge(c.workers, float64(s.workers))
	for name, info := range s.queues {
		gauge(c.up, boolValue(info != nil), name)
		if info == nil {
			continue
		}
		for state, n := range map[string]int{"active": info.Active, "pending": info.Pending, "scheduled": info.Scheduled,
			"retry": info.Retry, "archived": info.Archived, "completed": info.Completed} {
			gauge(c.tasks, float64(n), name, state)
		}
		gauge(c.size, float64(info.Size), name)
		gauge(c.latency, info.Latency.Seconds(), name)
		gauge(c.memory, float64(info.MemoryUsage), name)
		ch <- prometheus.MustNewConstMetric(c.processed, prometheus.CounterValue, float64(info.ProcessedTotal), name)
		ch <- prometheus.MustNewConstMetric(c.failed, prometheus.CounterValue, float64(info.FailedTotal), name)
		gauge(c.paused, boolValue(info.Paused), name)
	}
}
