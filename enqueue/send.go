package enqueue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"pilotsync/tasks"
)

// send enqueues the changes, those of an app in their order, and completes their receipts. After
// the first failure it starts nothing further.
func (c *Client) send(ctx context.Context, changes []changeTask, receipts []Receipt) error {
	byApp := map[string][]int{}
	for i, ch := range changes {
		byApp[ch.payload.AppID] = append(byApp[ch.payload.AppID], i)
	}
	if len(byApp) == 1 { // the most frequent case; a goroutine only costs time
		for app, all := range byApp {
			return c.sendApp(ctx, ctx, app, all, changes, receipts)
		}
	}
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(maxParallel)
	for app, all := range byApp {
		group.Go(func() error { return c.sendApp(ctx, groupCtx, app, all, changes, receipts) })
	}
	return group.Wait()
}

// sendApp enqueues the changes of an app at some indexes, until goOn has ended. The failure of
// another app ends goOn, but must not cancel this one's script, for which ctx is.
func (c *Client) sendApp(ctx, goOn context.Context, app string, all []int, changes []changeTask, receipts []Receipt) error {
	for some := range slices.Chunk(all, chunk) {
		if err := goOn.Err(); err != nil {
			return err
		}
		if err := c.sendChunk(ctx, app, some, changes, receipts); err != nil {
			return err
		}
	}
	return nil
}

// sendChunk enqueues the changes of an app at some indexes by one script, and completes their
// receipts.
func (c *Client) sendChunk(ctx context.Context, app string, some []int, changes []changeTask, receipts []Receipt) error {
	templates := make([]template, len(some))
	args := make([]any, 5, 5+5*len(some))
	args[0], args[1], args[2], args[3], args[4] = tasks.QueueDomains, tasks.QueuedChannel, "", "", ""
	for n, i := range some {
		templates[n] = newTemplate(changes[i].taskType, changes[i].payload)
		for _, part := range templates[n] {
			args = append(args, part)
		}
	}
	first, err := c.run(ctx, app, len(some), args)
	if err != nil {
		description := fmt.Sprintf("%s of %s", changes[some[0]].taskType, changes[some[0]].payload.Domain)
		if more := len(some) - 1; more > 0 {
			description += fmt.Sprintf(" and %d more", more)
		}
		return fmt.Errorf("%s to app %s: %w", description, app, err)
	}
	for n, i := range some {
		receipts[i].Seq = first + int64(n)
		receipts[i].TaskID = templates[n].id(receipts[i].Seq)
	}
	return nil
}

// run runs changes.lua for n changes of an app and returns their first number. go-redis may send
// the script twice if an answer is lost. Then each change has two tasks, the later of which counts.
func (c *Client) run(ctx context.Context, app string, n int, args []any) (first int64, err error) {
	const pending = "asynq:{" + tasks.QueueDomains + "}:pending"
	keys := []string{pending, seqKey(app)}
	if !c.apart.Load() {
		reply, err := c.scripts.Run(ctx, changesScript, keys, args...).Slice()
		if err == nil {
			first, _ := reply[0].(string)
			return strconv.ParseInt(first, 10, 64)
		}
		if !crossesSlots(err) {
			return 0, classify(ctx, err)
		}
		c.apart.Store(true)
	}
	blocks, err := reserveNumbers(ctx, c.rdb, c.scripts, tasks.QueueDomains, map[string]int{app: n})
	if err != nil {
		return 0, err
	}
	b := blocks[app]
	args[2], args[3], args[4] = b.next, b.at.Unix(), b.at.Nanosecond()/1000
	if err := c.scripts.Run(ctx, changesScript, keys[:1], args...).Err(); err != nil {
		return 0, classify(ctx, err)
	}
	return b.next, nil
}

// crossesSlots reports whether Redis refuses a script because of keys in different slots: a
// Cluster, also one behind a single address.
func crossesSlots(err error) bool {
	var reply redis.Error
	return errors.As(err, &reply) && strings.Contains(strings.ToLower(reply.Error()), "slot")
}

// notify notifies the workers of tasks on a queue. If that fails, they find them later.
func (c *Client) notify(ctx context.Context, queue string) {
	_ = c.rdb.Publish(ctx, tasks.QueuedChannel, queue).Err()
}
