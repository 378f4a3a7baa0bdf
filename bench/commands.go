package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"pilotsync/internal/simulator"
)

// commands counts what Redis is sent: for changes, and by a worker that has nothing
// to do. A script counts as one; the calls within it are given beside.
func commands(ctx context.Context, b *bench) (rows []row, err error) {
	w, err := b.world(simulator.Options{Apps: sites(1)})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	if err := w.start(ctx, 1); err != nil {
		return nil, err
	}
	// The first ones bring the scripts along.
	if _, err := w.changes(ctx, 0, 1, true); err != nil {
		return nil, err
	}
	period := time.Duration(b.size(60, 5)) * time.Second
	stop, err := w.monitor(ctx)
	if err != nil {
		return nil, err
	}
	if err := pass(ctx, period); err != nil {
		return nil, err
	}
	idle, err := stop()
	if err != nil {
		return nil, err
	}
	perSecond := float64(len(sent(idle))) / period.Seconds()
	rows = append(rows, row{What: "an idle worker that serves one app", Got: fmt.Sprintf("%.1f commands a second", perSecond), Met: true,
		Note: fmt.Sprintf("within %s; the calls that scripts make aren't counted", period)})
	rows = append(rows, parts(idle, period.Seconds(), "/s", true)...)
	for _, of := range []struct {
		what        string
		from, n     int
		together    bool
		description string
	}{
		{"one change, alone", 1, b.size(20, 5), false, "the mean of %d, one after the other"},
		{"one change of a burst", 50, b.size(200, 50), true, "the mean of %d of one app, enqueued in one call"},
	} {
		began := time.Now()
		seen, err := w.changes(ctx, of.from, of.n, of.together)
		if err != nil {
			return nil, err
		}
		background := perSecond * time.Since(began).Seconds()
		each := max(float64(len(sent(seen)))-background, 0) / float64(of.n)
		rows = append(rows, row{What: of.what, Got: fmt.Sprintf("%.1f commands", each), Met: true,
			Note: fmt.Sprintf(of.description, of.n) + ", from the client to its commit; what the worker sends when idle is taken off"})
		rows = append(rows, parts(seen, float64(of.n), "", false)...)
	}
	return rows, nil
}

// changes enqueues n additions, together or one at a time, each once the one
// before is listed, and returns the commands until all are.
func (w *world) changes(ctx context.Context, from, n int, together bool) ([]command, error) {
	stop, err := w.monitor(ctx)
	if err != nil {
		return nil, err
	}
	all := requests(1, from+n)[from:]
	step := 1
	if together {
		step = n
	}
	for some := range slices.Chunk(all, step) {
		if _, err := w.client.Enqueue(ctx, some...); err != nil {
			return nil, err
		}
		last := some[len(some)-1].Domain
		// The simulator is asked, since questions to Redis would be counted.
		err := until(ctx, "the changes are listed", 30*time.Second, func() (bool, error) {
			return slices.Contains(w.sim.List(appID(0)), last), nil
		})
		if err != nil {
			return nil, err
		}
		if err := pass(ctx, 300*time.Millisecond); err != nil { // the commit, and the task's end
			return nil, err
		}
	}
	return stop()
}

// sent are the commands without those that scripts call.
func sent(all []command) []command {
	return slices.DeleteFunc(slices.Clone(all), func(c command) bool { return c.script })
}

// purpose is what a command is for, by what it and its first two keys look like.
type purpose struct {
	pattern *regexp.Regexp
	words   string
	always  bool // sent whether there is anything to do or not
}

// purposes are tried in their order. What none of them knows is shown as it is.
func purposes() []purpose {
	p := func(always bool, pattern, words string) purpose {
		return purpose{regexp.MustCompile("^(?:" + pattern + ")"), words, always}
	}
	return []purpose{
		p(true, `script asynq:\{(domains|lists)\}:pending`, "asynq takes a task, or finds none: changes and lists, for which a person waits, 10 times a second each"),
		p(true, `script asynq:\{(ssl|events)\}:pending`, "asynq takes a task, or finds none: verifications and events, once a second each"),
		p(true, `script asynq:\{\w+\}:(scheduled|retry) asynq`, "asynq moves what is due to its queue: two lists a queue, once a second each"),
		p(true, `script asynq:servers:|zadd asynq:(servers|workers)`, "asynq's heartbeat, 3 a queue each 5 s: by it the page and asynqmon know who is at work"),
		p(true, `ping`, "asynq's health check, 1 a queue each 5 s, without which its servers would not notice that Redis is away"),
		p(true, `script asynq:\{\w+\}:completed`, "asynq's janitor: completed tasks whose time is over, 1 a queue each 8 s"),
		p(true, `script asynq:\{\w+\}:lease|zrangebyscore asynq:\{\w+\}:lease`, "asynq's recovery of tasks whose worker died, 1 a queue each minute"),
		p(true, `(script pilotsync:sweep|smembers pilotsync:apps|.*pilotsync:\{\w+\}:(due|watch))`, "the sweep, each 15 s: what a crash left lying"),
		p(false, `script pilotsync:\{\w+\}:seq\b`, "the client: the order number and Redis's time"),
		p(false, `sadd asynq:queues`, "the client: the queue is known, also after Redis lost its memory"),
		p(false, `script asynq:\{domains\}:t:`, "the client: the change's task"),
		p(false, `script pilotsync:\{\w+\}:seqs`, "the change is recorded, in one step"),
		p(false, `sadd pilotsync:apps`, "the app is known: once for each start of a sync"),
		p(false, `hset asynq:\{\w+\}:t:`, "what became of the change, for asynqmon"),
		p(false, `script asynq:\{\w+\}:active`, "asynq puts a finished task away"),
		p(false, `script asynq:\{lists\}:t:`, "the sync's task"),
		p(false, `script pilotsync:\{\w+\}:sync`, "the sync's steps: take the lease, renew it, begin the write, commit, release"),
		p(false, `multi|exec|hget pilotsync:\{\w+\}:sync|hgetall pilotsync|smembers pilotsync|zrange pilotsync:\{\w+\}:gone`, "the snapshot of the app's ledger, in one round trip"),
		p(false, `script asynq:\{(ssl|events)\}:t:`, "the task that follows, so that it exists before the commit"),
		p(false, `(lrange|lrem) pilotsync:\{\w+\}:outbox`, "the app's events leave its outbox"),
		p(true, `time`, "Redis's clock: the watch over Redis once a second; a snapshot"),
		p(true, `hello|client|auth|select`, "a new connection"),
	}
}

// parts has a row for each purpose, the most frequent first; those of a worker
// that has nothing to do only if idle.
func parts(all []command, per float64, unit string, idle bool) []row {
	known, digits := purposes(), regexp.MustCompile(`\d+`)
	counts := map[string]int{}
	for _, c := range sent(all) {
		raw := c.shape()
		i := slices.IndexFunc(known, func(p purpose) bool { return p.pattern.MatchString(raw) })
		switch {
		case i < 0:
			counts["other: "+digits.ReplaceAllString(raw, "N")]++
		case idle || !known[i].always:
			counts[known[i].words]++
		}
	}
	var rows []row
	for _, what := range slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(counts[b]-counts[a], strings.Compare(a, b))
	}) {
		rows = append(rows, row{What: "– " + what, Got: fmt.Sprintf("%.2f%s", float64(counts[what])/per, unit), Met: true})
	}
	return rows
}

// shape is a command's name, "script" for one of those, with its first two keys.
func (c command) shape() string {
	name, keys := c.args[0], c.args[1:]
	if (name == "evalsha" || name == "eval") && len(c.args) > 2 {
		name = "script"
		if n, err := strconv.Atoi(c.args[2]); err == nil && len(c.args) >= 3+n {
			keys = c.args[3 : 3+n]
		}
	}
	return name + " " + strings.Join(keys[:min(len(keys), 2)], " ")
}
