package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"pilotsync/internal/simulator"
)

// measureCommands counts the commands sent to Redis: for changes, and by an idle worker. A script
// counts as one; the report also lists its calls.
func measureCommands(ctx context.Context, b *bench) (rows []row, err error) {
	f, err := b.newFixture(simulator.Options{Apps: emptyApps(1)})
	if err != nil {
		return nil, err
	}
	defer closing(f.close, &err)
	if err := f.start(ctx, 1); err != nil {
		return nil, err
	}
	// The first changes load the scripts.
	if _, err := f.changes(ctx, 0, 1, true); err != nil {
		return nil, err
	}
	period := time.Duration(b.size(30, 15)) * time.Second // whole maintenances
	stop, err := f.monitor(ctx)
	if err != nil {
		return nil, err
	}
	if err := sleep(ctx, period); err != nil {
		return nil, err
	}
	idle, err := stop()
	if err != nil {
		return nil, err
	}
	const idleLimit = 10
	perSecond := float64(len(sent(idle))) / period.Seconds()
	rows = append(rows, row{Title: "an idle worker that serves one app", Goal: fmt.Sprintf("≤ %d a second", idleLimit), Got: fmt.Sprintf("%.1f commands a second", perSecond),
		Ratio: perSecond / idleLimit, Met: b.atMost(perSecond, idleLimit), Note: fmt.Sprintf("within %s; the calls that scripts make aren't counted", period)})
	rows = append(rows, parts(sent(idle), period.Seconds(), "/s", idlePurposes())...)
	for _, of := range []struct {
		title       string
		from, n     int
		together    bool
		limit       float64
		description string
	}{
		{"one change, alone", 1, b.size(20, 5), false, 30, "the mean of %d, one after the other"},
		{"one change of a burst", 50, b.size(200, 50), true, 8, "the mean of %d of one app, enqueued in one call"},
	} {
		seen, err := f.changes(ctx, of.from, of.n, of.together)
		if err != nil {
			return nil, err
		}
		seen = ofWork(seen)
		each := float64(len(seen)) / float64(of.n)
		rows = append(rows, row{Title: of.title, Goal: fmt.Sprintf("≤ %.0f", of.limit), Got: fmt.Sprintf("%.1f commands", each), Ratio: each / of.limit, Met: each <= of.limit,
			Note: fmt.Sprintf(of.description, of.n) + ", from the client to its commit; what an idle worker sends, too, isn't counted"})
		rows = append(rows, parts(seen, float64(of.n), "", workPurposes())...)
	}
	return rows, nil
}

// changes enqueues n additions, and returns the commands until all are listed. One at a time, each
// waits until the previous one is listed.
func (f *fixture) changes(ctx context.Context, from, n int, together bool) ([]command, error) {
	stop, err := f.monitor(ctx)
	if err != nil {
		return nil, err
	}
	all := requests(1, from+n)[from:]
	step := 1
	if together {
		step = n
	}
	for some := range slices.Chunk(all, step) {
		if _, err := f.client.Enqueue(ctx, some...); err != nil {
			return nil, err
		}
		last := some[len(some)-1].Domain
		// It polls the simulator, since reads of Redis would be counted.
		err := until(ctx, "the changes are listed", time.Minute, func() (bool, error) {
			return slices.Contains(f.sim.List(appID(0)), last), nil
		})
		if err != nil {
			return nil, err
		}
		if err := sleep(ctx, 300*time.Millisecond); err != nil { // the commit, and the task's end
			return nil, err
		}
	}
	return stop()
}

// sent are the commands that clients sent, each script with its calls.
func sent(all []command) []command {
	var sent []command
	for _, c := range all {
		if !c.script {
			sent = append(sent, c)
		} else if last := len(sent) - 1; last >= 0 { // a script is never interrupted
			sent[last].calls = append(sent[last].calls, c.args[0])
		}
	}
	return sent
}

// ofWork are the commands sent without those that an idle worker sends as well.
func ofWork(all []command) []command {
	work, idle := workPurposes(), idlePurposes()
	return slices.DeleteFunc(sent(all), func(c command) bool { return c.purpose(work) == "" && c.purpose(idle) != "" })
}

// purpose is what commands of a shape are sent for.
type purpose struct {
	pattern     *regexp.Regexp
	description string
}

// newPurpose makes a purpose; pattern matches the beginning of the commands' shape.
func newPurpose(pattern, words string) purpose {
	return purpose{regexp.MustCompile("^(?:" + pattern + ")"), words}
}

// idlePurposes are the purposes of commands that an idle worker sends, too. The first match counts.
func idlePurposes() []purpose {
	return []purpose{
		newPurpose(`script asynq:\{\w+\}:pending asynq:\{\w+\}:scheduled`, "a poll of each queue each 2 s: it finds tasks of which no notification came"),
		newPurpose(`script (asynq:\{\w+\}:(active asynq:\{\w+\}:lease|\w+ asynq:\{\w+\}:lease asynq:\{\w+\}:active|lease$|pending asynq:\{\w+\}:active)|asynq:(queues|servers|workers)$)|script$|zrange asynq:|sadd asynq:queues|(set|hset|hgetall) pilotsync:strays`,
			"the janitor, each 30 s by one worker: what would stop asynq, tasks without a lease or a list"),
		newPurpose(`script asynq:\{\w+\}:pending`, "asynq asks for a task; when a worker starts, and after a notification"),
		newPurpose(`script asynq:\{\w+\}:(scheduled|retry) asynq`, "asynq moves due tasks to their queue, when some are due"),
		newPurpose(`script asynq:servers:|zadd asynq:(servers|workers)`, "asynq's heartbeat, 3 a queue each 5 s: dashboard and asynqmon list workers by it"),
		newPurpose(`ping`, "a ping a queue each 3 s, and one each 10 s: they detect broken connections for asynq's cancellations and for notifications"),
		newPurpose(`script asynq:\{\w+\}:completed`, "asynq deletes completed tasks after their retention: 1 a queue each minute"),
		newPurpose(`(script|zrangebyscore) asynq:\{\w+\}:(lease|aggregation_sets)`, "asynq recovers tasks of dead workers: 2 a queue each minute"),
		newPurpose(`time`, "Redis's clock, once a second: a check that Redis answers"),
		newPurpose(`(script|sismember|smembers|hlen|hgetall|hget|hmget|lrange|zrange|zrangebyscore|zcard|exists|set|multi|exec) ?(pilotsync:|asynq:queues|asynq:\{\w+\}:(active|t:)|$)`,
			"the recoverer, each 15 s by one worker: work of dead workers"),
		newPurpose(`hello|client|auth|select`, "a new connection"),
	}
}

// workPurposes are the purposes of commands sent for changes.
func workPurposes() []purpose {
	return []purpose{
		newPurpose(`script asynq:\{domains\}:pending pilotsync:`, "the client: the order number and the change's task"),
		newPurpose(`script asynq:\{\w+\}:pending .*→.* zadd`, "asynq takes a task"),
		newPurpose(`script pilotsync:\{\w+\}:seqs`, "the change is recorded, in one step"),
		newPurpose(`sadd pilotsync:apps`, "registers the app: once for each start of a sync"),
		newPurpose(`hset asynq:\{\w+\}:t:`, "the change's outcome, for asynqmon"),
		newPurpose(`script asynq:\{\w+\}:active asynq`, "asynq moves a finished task"),
		newPurpose(`script asynq:\{lists\}:t:`, "the sync's task"),
		newPurpose(`script pilotsync:\{\w+\}:sync`, "the sync's steps: acquire the lease, renew it, begin the write, commit, release"),
		newPurpose(`multi|exec|hget pilotsync:\{\w+\}:sync|hgetall pilotsync:\{|smembers pilotsync:\{|zrange pilotsync:\{\w+\}:gone`, "the snapshot of the app's ledger, in one round trip"),
		newPurpose(`script asynq:\{(ssl|events)\}:t:`, "the follow-up task, which must exist before the commit"),
		newPurpose(`(lrange|lrem|ltrim) pilotsync:\{\w+\}:outbox`, "the app's events leave its outbox"),
		newPurpose(`(script|zremrangebyscore) pilotsync:\{\w+\}:events`, "an event is read before it is sent, and removed after that"),
	}
}

// purpose is the first purpose that matches a command, or empty.
func (c command) purpose(known []purpose) string {
	shape := c.shape()
	if i := slices.IndexFunc(known, func(p purpose) bool { return p.pattern.MatchString(shape) }); i >= 0 {
		return known[i].description
	}
	return ""
}

// parts has a row for each purpose, the most frequent first. A command without a purpose has a row
// of its own.
func parts(all []command, per float64, unit string, known []purpose) []row {
	digits := regexp.MustCompile(`\d+`)
	counts := map[string]int{}
	for _, c := range all {
		counts[cmp.Or(c.purpose(known), "other: "+digits.ReplaceAllString(c.shape(), "N"))]++
	}
	var rows []row
	for _, purpose := range slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(counts[b]-counts[a], strings.Compare(a, b))
	}) {
		rows = append(rows, row{Title: "– " + purpose, Got: fmt.Sprintf("%.2f%s", float64(counts[purpose])/per, unit), Met: true})
	}
	return rows
}

// shape is a command's name ("script" for a script), its first two keys, and its calls.
func (c command) shape() string {
	name, keys := c.args[0], c.args[1:]
	if (name == "evalsha" || name == "eval") && len(c.args) > 2 {
		name = "script"
		if n, err := strconv.Atoi(c.args[2]); err == nil && len(c.args) >= 3+n {
			keys = c.args[3 : 3+n]
		}
	}
	shape := strings.TrimSpace(name + " " + strings.Join(keys[:min(len(keys), 2)], " "))
	if len(c.calls) > 0 {
		shape += " → " + strings.Join(c.calls, " ")
	}
	return shape
}
