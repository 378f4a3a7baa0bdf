package inspect

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"pilotsync/test/redistest"
	"pilotsync/worker/message"
)

const prefix = "asynq:{q}:"

func setup(t *testing.T) (*redis.Client, *asynq.Client) {
	t.Helper()
	rdb := redis.NewClient(&redis.Options{Addr: redistest.New(t).Addr})
	t.Cleanup(func() { _ = rdb.Close() })
	return rdb, asynq.NewClientFromRedisClient(rdb)
}

// lists returns the functions that list tasks, by list.
func lists(i *asynq.Inspector) map[string]func(string, ...asynq.ListOption) ([]*asynq.TaskInfo, error) {
	return map[string]func(string, ...asynq.ListOption) ([]*asynq.TaskInfo, error){"pending": i.ListPendingTasks, "active": i.ListActiveTasks,
		"scheduled": i.ListScheduledTasks, "retry": i.ListRetryTasks, "archived": i.ListArchivedTasks, "completed": i.ListCompletedTasks}
}

// put puts a task's id into a list, and takes it out of the pending ones.
func put(t *testing.T, rdb *redis.Client, list, id string) {
	t.Helper()
	ctx := t.Context()
	rdb.LRem(ctx, prefix+"pending", 0, id)
	rdb.HSet(ctx, prefix+"t:"+id, "state", list)
	if list == "pending" || list == "active" {
		rdb.LPush(ctx, prefix+list, id)
		return
	}
	rdb.ZAdd(ctx, prefix+list, redis.Z{Score: float64(time.Now().Add(time.Hour).Unix()), Member: id})
}

func TestWhatIsNotTooLargeIsListedAsByAsynq(t *testing.T) {
	t.Parallel()
	rdb, client := setup(t)
	plain, bounded := asynq.NewInspectorFromRedisClient(rdb), New(rdb)
	for list := range lists(plain) {
		for i := range 5 {
			id := fmt.Sprint(list, "-", i)
			if _, err := client.Enqueue(asynq.NewTask("t", []byte("payload")), asynq.Queue("q"), asynq.TaskID(id)); err != nil {
				t.Fatal(err)
			}
			put(t, rdb, list, id)
			rdb.HSet(t.Context(), prefix+"t:"+id, "result", "the result")
		}
	}
	soon := cmpopts.EquateApproxTime(time.Minute)
	for list, want := range lists(plain) {
		for page := 1; page <= 3; page++ {
			wanted, err := want("q", asynq.PageSize(2), asynq.Page(page))
			if err != nil {
				t.Fatal(err)
			}
			got, err := lists(bounded)[list]("q", asynq.PageSize(2), asynq.Page(page))
			if diff := cmp.Diff(wanted, got, soon); err != nil || diff != "" || len(got) == 0 {
				t.Errorf("%s, page %d: %v (-asynq +got):\n%s", list, page, err, diff)
			}
			for _, task := range wanted {
				one, err := plain.GetTaskInfo("q", task.ID)
				if err != nil {
					t.Fatal(err)
				}
				got, err := bounded.GetTaskInfo("q", task.ID)
				if diff := cmp.Diff(one, got, soon); err != nil || diff != "" {
					t.Errorf("%s: %v (-asynq +got):\n%s", task.ID, err, diff)
				}
			}
		}
	}
	if _, err := bounded.GetTaskInfo("q", "none"); err == nil || !strings.Contains(err.Error(), "not found") {
		t.Errorf("of a task that doesn't exist: %v", err)
	}
	if err := bounded.DeleteTask("q", "retry-0"); err != nil {
		t.Error(err)
	}
}

func TestALargeTaskIsLeftOutAndNotLoaded(t *testing.T) {
	t.Parallel()
	rdb, client := setup(t)
	ctx := t.Context()
	const size = 20 << 20
	large := strings.Repeat("x", size)
	inspector := New(rdb)
	for list := range lists(inspector) {
		for _, id := range []string{"good-" + list, "large-" + list, "result-" + list, list + strings.Repeat("x", message.MaxID)} {
			if _, err := client.Enqueue(asynq.NewTask("t", []byte("payload")), asynq.Queue("q"), asynq.TaskID(id)); err != nil {
				t.Fatal(err)
			}
			put(t, rdb, list, id)
		}
		rdb.HSet(ctx, prefix+"t:large-"+list, "msg", large)
		rdb.HSet(ctx, prefix+"t:result-"+list, "result", large)
		rdb.Set(ctx, prefix+"t:odd", "no hash", 0)
		put(t, rdb, list, "odd")
	}
	before := written(t, rdb)
	for list, read := range lists(inspector) {
		tasks, err := read("q")
		if err != nil {
			t.Fatalf("%s: %v", list, err)
		}
		var ids []string
		for _, task := range tasks {
			if task.ID != "" {
				ids = append(ids, task.ID)
			}
		}
		if len(tasks) < 4 || len(ids) != 2 || !strings.Contains(fmt.Sprint(ids), "good-"+list) || !strings.Contains(fmt.Sprint(ids), "result-"+list) {
			t.Errorf("%s has %.100q", list, ids)
		}
		if _, err := inspector.GetTaskInfo("q", "large-"+list); err == nil || !strings.Contains(err.Error(), "has 20971520 bytes; it takes at most 65536") {
			t.Errorf("the large task of %s: %v", list, err)
		}
		if task, err := inspector.GetTaskInfo("q", "result-"+list); err != nil || len(task.Result) != 0 {
			t.Errorf("the one of %s with a large result: %v", list, err)
		}
	}
	if n := written(t, rdb) - before; n > size/2 {
		t.Errorf("Redis sent %d bytes", n)
	}
}

// written is how many bytes Redis has sent.
func written(t *testing.T, rdb *redis.Client) (n int) {
	t.Helper()
	for line := range strings.Lines(rdb.Info(t.Context(), "stats").Val()) {
		if _, err := fmt.Sscanf(line, "total_net_output_bytes:%d", &n); err == nil {
			return n
		}
	}
	t.Fatal("Redis doesn't say how much it has sent")
	return 0
}
