package dashboard

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"pilotsync/tasks"
	"pilotsync/test/redistest"
	"pilotsync/worker/queuestats"
)

// enqueueSizes puts a task of each size on a queue, in bytes, and returns the Redis server.
func enqueueSizes(t *testing.T, archived bool, sizes ...int) redis.UniversalClient {
	t.Helper()
	options, err := redis.ParseURL(redistest.Start(t))
	if err != nil {
		t.Fatal(err)
	}
	rdb := redis.NewClient(options)
	t.Cleanup(func() { _ = rdb.Close() })
	producer, inspector := asynq.NewClientFromRedisClient(rdb), asynq.NewInspectorFromRedisClient(rdb)
	for i, size := range sizes {
		info, err := producer.Enqueue(asynq.NewTask("large", []byte(strings.Repeat("x", size))), asynq.TaskID(strconv.Itoa(i)), asynq.Queue(tasks.QueueDomains))
		if err != nil {
			t.Fatal(err)
		}
		if archived {
			if err := inspector.ArchiveTask(tasks.QueueDomains, info.ID); err != nil {
				t.Fatal(err)
			}
		}
	}
	return rdb
}

func TestAsynqmonReadsNoMoreThanItsLimit(t *testing.T) {
	t.Parallel()
	const small, half = 100, maxPageBytes / 2
	pending := enqueueSizes(t, false, half, half, small, small)
	archived := enqueueSizes(t, true, half, half, small, small)
	large := asynq.NewTask("large", make([]byte, maxPageBytes))
	if _, err := asynq.NewClientFromRedisClient(pending).Enqueue(large, asynq.TaskID("large"), asynq.Queue("other")); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, path string
		rdb        redis.UniversalClient
		status     int
	}{
		{"all archived tasks", "/queues/domains/archived_tasks?size=100", archived, 422},
		{"the default size", "/queues/domains/archived_tasks", archived, 422},
		{"the two large ones", "/queues/domains/archived_tasks?size=2&page=1", archived, 422},
		{"the two small ones", "/queues/domains/archived_tasks?size=2&page=2", archived, 200},
		{"a large one", "/queues/domains/archived_tasks?size=1", archived, 200},
		{"an escaped slash", "/queues/domains%2Farchived_tasks", archived, 422},
		{"escaped letters", "/queues/domains/%61rchived_tasks", archived, 422},
		{"all pending tasks", "/queues/domains/pending_tasks?size=100", pending, 422},
		{"the first pending tasks, which are large", "/queues/domains/pending_tasks?size=2&page=1", pending, 422},
		{"the last pending tasks", "/queues/domains/pending_tasks?size=2&page=2", pending, 200},
		{"one task", "/queues/other/tasks/large", pending, 422},
		{"a task that doesn't exist", "/queues/other/tasks/none", pending, 200},
		{"a group of tasks", "/queues/domains/groups/none/aggregating_tasks", pending, 200},
		{"more tasks than a page may have", "/queues/domains/completed_tasks?size=101", pending, 400},
		{"a negative size, all but one for asynq", "/queues/domains/pending_tasks?size=-1", pending, 400},
		{"no number", "/queues/domains/pending_tasks?size=many", pending, 400},
		{"a page beyond all numbers", "/queues/domains/pending_tasks?page=9223372036854775807", pending, 400},
		{"a list that takes no size", "/queues?size=1000", pending, 400},
		{"the queues", "/queues", pending, 200},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			reached := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { writeText(w, 200, "asynqmon") })
			checkAnswer(t, sendRequest(newMonitorLimits(test.rdb).limit(reached), "GET", "/asynqmon/api"+test.path, nil), test.status, "")
		})
	}
}

func TestAsynqmonListsNoInventedQueues(t *testing.T) {
	t.Parallel()
	rdb := enqueueSizes(t, false, 10)
	invented := []any{strings.Repeat("x", 900_000), "\x1b[31m"}
	for i := range 3000 {
		invented = append(invented, "invented"+strconv.Itoa(i))
	}
	if err := rdb.SAdd(t.Context(), queuestats.NamesKey, invented...).Err(); err != nil {
		t.Fatal(err)
	}
	h := newTestDashboard(t, func(cfg *Config) { cfg.Redis = rdb }).Handler()
	for _, path := range []string{"/asynqmon/api/queues", "/asynqmon/api/queue_stats"} {
		rec := sendRequest(h, "GET", path, nil)
		checkAnswer(t, rec, 200, `"domains"`)
		if body := rec.Body.String(); strings.Contains(body, "invented") || len(body) > 100_000 {
			t.Errorf("%s answers %d bytes: %.200s", path, len(body), body)
		}
	}
}

func TestAsynqmonAnswersFewRequestsAtATime(t *testing.T) {
	t.Parallel()
	l := newMonitorLimits(nil)
	h := l.limit(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { writeText(w, 200, "asynqmon") }))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	from := func(user string) func(*http.Request) { // a request that doesn't wait
		return func(r *http.Request) {
			*r = *r.WithContext(context.WithValue(ended, userKey{}, User{Name: user, Role: View}))
		}
	}
	var releases []func()
	for range maxReadsEach {
		release, _ := l.reads.Acquire(ended, "ada")
		releases = append(releases, release)
	}
	checkAnswer(t, sendRequest(h, "GET", "/asynqmon/api/queues", from("ada")), 429, "4 requests of a user at a time")
	checkAnswer(t, sendRequest(h, "GET", "/asynqmon/api/queues", from("bob")), 200, "asynqmon")
	checkAnswer(t, sendRequest(h, "GET", "/asynqmon/static/js/main.js", from("ada")), 200, "asynqmon")
	releases[0]()
	checkAnswer(t, sendRequest(h, "GET", "/asynqmon/api/queues", from("ada")), 200, "asynqmon")
}

func TestViewersLearnNothingOfTheRedisServer(t *testing.T) {
	t.Parallel()
	const info = "/asynqmon/api/redis_info"
	viewer := newTestDashboard(t, func(cfg *Config) { cfg.Open = View })
	checkAnswer(t, sendRequest(viewer.Handler(), "GET", info, nil), 403, "for users who may act")
	rdb := enqueueSizes(t, false)
	actor := newTestDashboard(t, func(cfg *Config) { cfg.Open, cfg.Redis = Act, rdb })
	checkAnswer(t, sendRequest(actor.Handler(), "GET", info, nil), 200, "redis_version")
}

func TestTheDomainsPageReadsNoPayloads(t *testing.T) {
	t.Parallel()
	rdb := enqueueSizes(t, true, 100)
	rdb.HDel(t.Context(), "asynq:{domains}:t:0", "msg") // asynq's inspector would fail
	ref := taskRef{Queue: tasks.QueueDomains, ID: "0", Label: "Request"}
	found, err := newQueueInspector(rdb).Tasks(t.Context(), ref, taskRef{Queue: tasks.QueueSSL, ID: "none"})
	if err != nil || len(found) != 1 || found[0] != (taskLink{ref, "archived"}) {
		t.Errorf("found %+v, %v", found, err)
	}
}
