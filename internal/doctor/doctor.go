package doctor

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/hibiken/asynq"

	"pilotsync/internal/config"
)

// Time limits of single reads, with slack for a distant machine; usually each takes
// milliseconds.
const (
	redisLimit   = 5 * time.Second
	dnsLimit     = 5 * time.Second
	connectLimit = 5 * time.Second
	httpLimit    = 10 * time.Second
)

// Run makes every check that the settings allow, independent ones in parallel, and returns the
// results in a fixed order. cfg may lack wrong settings, as
// [config.WorkerSettings.ParseAll] does: a nil Redis client, an empty APIURL, accounts
// without a key.
//
// It takes at most half a minute for each four accounts. When ctx ends, the checks that aren't
// done are warnings.
func Run(ctx context.Context, cfg config.Worker) []Result {
	var redis, dns, api, accounts, queues, hooks, events []Result
	answers := make(chan bool, 1) // whether Redis answers
	var all sync.WaitGroup
	all.Go(func() {
		redis = checkRedis(ctx, cfg.Redis)
		works := len(redis) > 0 && redis[0].Status == OK
		answers <- works
		if works {
			queues = explainFull(redis, checkQueues(ctx, cfg))
			events = []Result{checkEvents(asynq.NewInspectorFromRedisClient(cfg.Redis.Client), time.Now())}
		}
	})
	all.Go(func() { dns = checkDNS(ctx, cfg) })
	all.Go(func() { api = checkAPI(ctx, cfg.APIURL) })
	all.Go(func() { accounts = checkAccounts(ctx, cfg, answers) })
	all.Go(func() { hooks = checkWebhooks(ctx, cfg) })
	all.Wait()

	var results []Result
	for _, part := range [][]Result{redis, dns, api, accounts, queues, hooks, events} {
		results = append(results, part...)
	}
	return results
}

// explainFull has the check of workers say that live ones can't be known while Redis has no memory
// left: it refuses their heartbeats.
func explainFull(redis, queues []Result) []Result {
	full := slices.ContainsFunc(redis, func(r Result) bool { return r.Check == CheckMemory && r.Status == Failure })
	for i, r := range queues {
		if full && r.Check == CheckWorkers && r.Status == Failure {
			queues[i].Detail = "while Redis is full, workers can't tell that they are alive"
			queues[i].Remedy = "Give Redis more memory first. Workers continue by themselves."
		}
	}
	return queues
}

// each calls read for every item, with limited parallelism, and returns the results in the
// order of the items.
func each[T, R any](items []T, most int, read func(T) R) []R {
	results := make([]R, len(items))
	slots := make(chan struct{}, most)
	var all sync.WaitGroup
	for i, item := range items {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			results[i] = read(item)
		})
	}
	all.Wait()
	return results
}
