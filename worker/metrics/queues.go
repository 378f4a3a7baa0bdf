package metrics

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"pilotsync/worker/queuestats"
)

// queueCollector has the queues' figures under the names of asynq's exporter (asynq/x/metrics),
// which asynqmon and other dashboards expect. That exporter itself logs a line at each scrape
// while Redis is unavailable, and waits without a limit. It shows no queue at all if one can't
// be read.
type queueCollector struct {
	state *scraped[queueState]

	workers, others, up, tasks, size, latency, memory, processed, failed, paused *prometheus.Desc
}

type queueState struct {
	workers int
	others  int // names of queues that aren't pilotsync's
	queues  map[string]queuestats.Queue
}

func newQueueCollector(rdb redis.UniversalClient) *queueCollector {
	queue := func(name, help string, more ...string) *prometheus.Desc {
		return prometheus.NewDesc("asynq_"+name, help, append([]string{"queue"}, more...), nil)
	}
	return &queueCollector{
		state:     newScraped(func(ctx context.Context) (queueState, error) { return readQueues(ctx, rdb) }),
		workers:   prometheus.NewDesc("pilotsync_workers", "Workers that are alive, by asynq's heartbeats.", nil, nil),
		others:    prometheus.NewDesc("pilotsync_other_queues", "Names in asynq's set of queues that aren't pilotsync's.", nil, nil),
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

func readQueues(ctx context.Context, rdb redis.UniversalClient) (s queueState, err error) {
	// A worker has an asynq server for each queue.
	if s.workers, err = queuestats.Processes(ctx, rdb); err != nil {
		return s, err
	}
	names, others, err := queuestats.Names(ctx, rdb)
	if err != nil {
		return s, err
	}
	s.others = others
	queues, err := queuestats.Queues(ctx, rdb, true, names...)
	s.queues = map[string]queuestats.Queue{}
	for i, q := range queues {
		s.queues[names[i]] = q
	}
	return s, err
}

// Describe implements [prometheus.Collector].
func (c *queueCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.workers, c.others, c.up, c.tasks, c.size, c.latency, c.memory, c.processed, c.failed, c.paused} {
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
	gauge(c.others, float64(s.others))
	for name, q := range s.queues {
		gauge(c.up, boolValue(q.Err == nil), name)
		if q.Err != nil {
			continue
		}
		size := 0
		for state, n := range map[string]int{"active": q.Active, "pending": q.Pending, "scheduled": q.Scheduled,
			"retry": q.Retry, "archived": q.Archived, "completed": q.Completed} {
			gauge(c.tasks, float64(n), name, state)
			size += n
		}
		gauge(c.size, float64(size), name)
		gauge(c.latency, q.Oldest.Seconds(), name)
		gauge(c.memory, float64(q.Memory), name)
		ch <- prometheus.MustNewConstMetric(c.processed, prometheus.CounterValue, float64(q.Processed), name)
		ch <- prometheus.MustNewConstMetric(c.failed, prometheus.CounterValue, float64(q.Failed), name)
		gauge(c.paused, boolValue(q.Paused), name)
	}
}
