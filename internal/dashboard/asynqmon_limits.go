package dashboard

import (
	"context"
	_ "embed"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"pilotsync/internal/quota"
)

// Limits of asynqmon's API. They hold before asynqmon reads anything, since it has none.
const (
	maxPageTasks = 100     // the largest page that asynqmon's own page offers
	maxPageBytes = 4 << 20 // messages and results of one answer; pilotsync's tasks have some hundred bytes
	maxPageIndex = 1 << 31
	// maxReads is how many requests are answered concurrently, maxReadsEach how many of one user.
	// Others wait for one of them to end, for readWait at most.
	maxReads     = 8
	maxReadsEach = 4
	readWait     = 5 * time.Second
)

//go:embed asynqmon_size.lua
var pageSizeScript string

// monitorLimits refuses requests that would need much memory, here or in Redis.
type monitorLimits struct {
	rdb   redis.UniversalClient
	reads *quota.Quota
}

func newMonitorLimits(rdb redis.UniversalClient) *monitorLimits {
	return &monitorLimits{rdb: rdb, reads: quota.New(maxReads, maxReadsEach)}
}

// limit passes requests for asynqmon's API on to next, if they are within the limits.
func (l *monitorLimits) limit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, monitorPath+"/api/") {
			next.ServeHTTP(w, r)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), readWait)
		defer cancel()
		release, refusal := l.reads.Acquire(ctx, userOf(ctx).Name)
		if refusal != 0 {
			refuse(w, refusal, readWait, fmt.Sprintf("asynqmon answers %d requests of a user at a time, %d in all: try again later.\n", maxReadsEach, maxReads))
			return
		}
		defer release()
		read, err := readOf(r)
		if err != nil {
			writeText(w, http.StatusBadRequest, err.Error()+"\n")
			return
		}
		bytes, err := l.measure(ctx, read)
		switch {
		case err != nil:
			writeText(w, http.StatusServiceUnavailable, "How large these tasks are can't be read from Redis: "+err.Error()+"\n")
		case bytes > maxPageBytes:
			writeText(w, http.StatusUnprocessableEntity, fmt.Sprintf("These tasks have %d bytes; asynqmon shows %d bytes at most at a time. A smaller page may do (size=1).\n", bytes, maxPageBytes))
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// monitorRead is what a request would have asynqmon read: a page of a list of tasks, one task, or
// neither.
type monitorRead struct {
	queue      string
	list       string // the key of the tasks' ids; empty for none
	task       string // the id of a task; empty for none
	size, page int    // page counts from 0
}

// readOf returns what asynqmon would read for a request. The error is for the user.
func readOf(r *http.Request) (monitorRead, error) {
	read := monitorRead{size: 20} // asynqmon's default
	for name, limit := range map[string]int{"size": maxPageTasks, "page": maxPageIndex} {
		text := r.URL.Query().Get(name)
		if text == "" {
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > limit {
			return read, fmt.Errorf("%s is %.40q; it takes a number from 1 to %d", name, text, limit)
		}
		if name == "size" {
			read.size = n
		} else {
			read.page = n - 1
		}
	}
	if r.Method != http.MethodGet {
		return read, nil
	}
	// asynqmon, too, splits the decoded path.
	parts := strings.Split(strings.TrimPrefix(r.URL.Path, monitorPath+"/api/"), "/")
	if len(parts) < 3 || parts[0] != "queues" {
		return read, nil
	}
	read.queue = parts[1]
	state, isList := strings.CutSuffix(parts[2], "_tasks")
	switch {
	case len(parts) == 3 && isList:
		read.list = queueKey(read.queue) + state
	case len(parts) == 4 && parts[2] == "tasks":
		read.task = parts[3]
	case len(parts) == 5 && parts[2] == "groups":
		read.list = queueKey(read.queue) + "g:" + parts[3]
	}
	return read, nil
}

// queueKey is what the keys of a queue of asynq begin with.
func queueKey(queue string) string { return "asynq:{" + queue + "}:" }

// measure returns how many bytes of messages and results a read would load.
func (l *monitorLimits) measure(ctx context.Context, read monitorRead) (int64, error) {
	prefix := queueKey(read.queue) + "t:"
	switch {
	case read.list != "":
		return redis.NewScript(pageSizeScript).Run(ctx, l.rdb, []string{read.list}, read.size, read.page, prefix).Int64()
	case read.task == "":
		return 0, nil
	}
	var fields [2]*redis.IntCmd
	_, err := l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		fields[0], fields[1] = p.HStrLen(ctx, prefix+read.task, "msg"), p.HStrLen(ctx, prefix+read.task, "result")
		return nil
	})
	return fields[0].Val() + fields[1].Val(), err
}
