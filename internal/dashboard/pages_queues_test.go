package dashboard

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hibiken/asynq"
)

func TestServersOfOneProcessAreOneWorker(t *testing.T) {
	t.Parallel()
	began := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	server := func(host string, pid int, status string, after time.Duration, queues ...string) *asynq.ServerInfo {
		s := &asynq.ServerInfo{Host: host, PID: pid, Status: status, Started: began.Add(after), Queues: map[string]int{}}
		for _, q := range queues {
			s.Queues[q] = 1
		}
		return s
	}
	got := groupByProcess([]*asynq.ServerInfo{
		server("b", 7, "active", 0, "domains"), server("b", 7, "active", 0, "lists"), server("b", 7, "active", 0, "ssl"), server("b", 7, "active", -time.Second, "events"), server("b", 7, "active", 0, "checks"),
		server("a", 9, "active", 0, "domains"), server("a", 9, "active", 0, "ssl"), server("a", 9, "closed", 0, "lists"), server("a", 8, "active", 0, "other-program"),
	})
	if diff := cmp.Diff([]process{{Host: "a", PID: 9, Started: began, Missing: []string{"lists", "events", "checks"}}, {Host: "b", PID: 7, Started: began.Add(-time.Second)}}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
