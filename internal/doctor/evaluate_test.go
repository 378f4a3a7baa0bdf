package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hibiken/asynq"

	"pilotsync/internal/config"
	"pilotsync/internal/serverpilot"
	"pilotsync/tasks"
	"pilotsync/worker/certcheck"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
)

// want is a status, and a part of the detail.
type want struct {
	status Status
	detail string
}

func (w want) check(t *testing.T, got Result) {
	t.Helper()
	if got.Status != w.status || !strings.Contains(got.Detail, w.detail) {
		t.Errorf("got %s: %s\nwant %s: … %s …", got.Status, got.Detail, w.status, w.detail)
	}
	if (got.Remedy == "") != (got.Status == OK) {
		t.Errorf("the remedy of %s %q is %q", got.Status, got.Detail, got.Remedy)
	}
}

func TestRedisIsEvaluatedByItsAnswers(t *testing.T) {
	t.Parallel()
	refused := errors.New("NOPERM this user has no permissions to run the 'info' command")
	info := func(pairs ...string) node {
		n := node{info: map[string]string{}, settings: map[string]string{}}
		for _, pair := range pairs {
			name, value, _ := strings.Cut(pair, "=")
			if setting, isSetting := strings.CutPrefix(name, "config "); isSetting {
				n.settings[setting] = value
			} else {
				n.info[name] = value
			}
		}
		return n
	}
	noConfig := func(n node) node { n.settings, n.settingsErr = nil, refused; return n }
	const full, limit = "used_memory=95", "maxmemory=100"
	for _, test := range []struct {
		name  string
		judge func(node) Result
		seen  node
		want  want
	}{
		{"a version that will do", evaluateVersion, info("redis_version=6.2.0"), want{OK, "Redis is 6.2.0"}},
		{"the next major version", evaluateVersion, info("redis_version=10.0.1"), want{OK, "10.0.1"}},
		{"Valkey", evaluateVersion, info("redis_version=7.2.4", "server_name=valkey", "valkey_version=8.0.1"), want{OK, "(Valkey 8.0.1)"}},
		{"an old version", evaluateVersion, info("redis_version=6.0.16"), want{Failure, "Redis is 6.0.16"}},
		{"an unknown version", evaluateVersion, node{infoErr: refused}, want{Warning, "Redis refuses INFO: NOPERM"}},
		{"a version that can't be read", evaluateVersion, info("redis_version=six"), want{Warning, "doesn't have"}},

		{"the append-only file, synced each second", evaluatePersistence, info("aof_enabled=1", "aof_last_write_status=ok", "config appendfsync=everysec", "config save="), want{OK, "appendfsync everysec"}},
		{"the append-only file, always synced", evaluatePersistence, info("aof_enabled=1", "config appendfsync=always"), want{OK, "appendfsync always"}},
		{"the append-only file, never synced", evaluatePersistence, info("aof_enabled=1", "config appendfsync=no"), want{Warning, "appendfsync no"}},
		{"the append-only file of a Redis that tells no settings", evaluatePersistence, noConfig(info("aof_enabled=1")), want{OK, "CONFIG GET isn't allowed"}},
		{"an append-only file that can't be written", evaluatePersistence, info("aof_enabled=1", "aof_last_write_status=err", "config appendfsync=everysec"), want{Failure, "the last write to it failed"}},
		{"snapshots only", evaluatePersistence, info("aof_enabled=0", "rdb_last_bgsave_status=ok", "config save=3600 1"), want{Warning, "only snapshots (RDB) are on, 'save 3600 1'"}},
		{"snapshots that fail", evaluatePersistence, info("aof_enabled=0", "rdb_last_bgsave_status=err", "config save=3600 1"), want{Failure, "the last snapshot (RDB) failed"}},
		{"nothing is kept", evaluatePersistence, info("aof_enabled=0", "rdb_last_bgsave_status=ok", "config save="), want{Failure, "Redis keeps nothing"}},
		{"no append-only file, and no readable settings", evaluatePersistence, noConfig(info("aof_enabled=0")), want{Warning, "is not known"}},
		{"unknown persistence", evaluatePersistence, node{infoErr: refused}, want{Warning, "could not be checked"}},

		{"nothing is dropped", evaluateEviction, info("maxmemory_policy=noeviction", limit), want{OK, "noeviction"}},
		{"keys are dropped", evaluateEviction, info("maxmemory_policy=volatile-lru", limit), want{Failure, "volatile-lru"}},
		{"keys would be dropped", evaluateEviction, info("maxmemory_policy=allkeys-lru", "maxmemory=0"), want{Warning, "no effect"}},
		{"an unknown policy", evaluateEviction, node{infoErr: refused}, want{Warning, "could not be checked"}},

		{"room in memory", evaluateMemory, info("used_memory=79", limit), want{OK, "79 %"}},
		{"little room in memory", evaluateMemory, info("used_memory=80", limit), want{Warning, "80 %"}},
		{"no room in memory", evaluateMemory, info(full, limit), want{Failure, "95 %"}},
		{"the machine's memory", evaluateMemory, info(full, "maxmemory=0", "total_system_memory=100"), want{Failure, "of the machine"}},
		{"a machine that isn't known", evaluateMemory, info(full, "maxmemory=0"), want{OK, "maxmemory isn't set"}},
		{"unknown memory", evaluateMemory, node{infoErr: refused}, want{Warning, "could not be checked"}},

		{"small values", evaluateSizes, info("config proto-max-bulk-len=1048576"), want{OK, "1.0 MiB"}},
		{"large values", evaluateSizes, info("config proto-max-bulk-len=536870912"), want{Warning, "a value may have 512 MiB"}},
		{"a size that Redis doesn't tell", evaluateSizes, noConfig(info()), want{OK, "isn't known"}},

		{"a right clock", evaluateClock, node{ahead: time.Millisecond}, want{OK, "agree to within 1ms"}},
		{"a clock that is ahead", evaluateClock, node{ahead: 2 * time.Second}, want{Warning, "Redis's clock is 2s ahead of this machine's"}},
		{"a clock that is behind", evaluateClock, node{ahead: -2 * time.Second}, want{Warning, "Redis's clock is 2s behind this machine's"}},
		{"a clock that is perhaps ahead", evaluateClock, node{ahead: 2 * time.Second, uncertainty: 100 * time.Millisecond}, want{OK, "agree to within 2.1s"}},
		{"a wrong clock", evaluateClock, node{ahead: -15 * time.Second}, want{Failure, "15s behind"}},
		{"an unreadable clock", evaluateClock, node{clockErr: refused}, want{Warning, "Redis refuses TIME"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.want.check(t, test.judge(test.seen))
		})
	}
}

func TestTheWorstOfAClustersMastersIsReported(t *testing.T) {
	t.Parallel()
	master := func(name, version string) node {
		return node{name: name, info: map[string]string{"redis_version": version}}
	}
	want{Failure, "b:6379: Redis is 6.0.1"}.check(t, worst([]node{master("a:6379", "7.0.0"), master("b:6379", "6.0.1"), master("c:6379", "?")}, evaluateVersion))
	want{OK, "Redis is 7.0.0 (a:6379, first of 2 masters"}.check(t, worst([]node{master("a:6379", "7.0.0"), master("b:6379", "7.2.0")}, evaluateVersion))
}

func TestServerPilotIsEvaluatedByItsAnswers(t *testing.T) {
	t.Parallel()
	failed := func(kind serverpilot.Kind, status int) error {
		return &serverpilot.Error{Kind: kind, Op: serverpilot.OpServer, App: "s1", Status: status}
	}
	network := netip.MustParsePrefix("198.51.100.0/24")
	known := serverpilot.Server{LastAddress: netip.MustParseAddr("198.51.100.4")}
	addr := netip.MustParseAddr("198.51.100.4")
	dial := func(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }
	for name, test := range map[string]struct {
		got  Result
		want want
	}{
		"a list with room":                {evaluateRoom(279), want{OK, "279 of 300"}},
		"a list with little room":         {evaluateRoom(280), want{Warning, "280 of 300"}},
		"a list with a name's room":       {evaluateRoom(299), want{Warning, "299 of 300"}},
		"a full list":                     {evaluateRoom(300), want{Failure, "no domain can be added"}},
		"a custom certificate":            {evaluateCertificate(serverpilot.App{SSL: serverpilot.SSL{Custom: true}}, false), want{Warning, "a custom certificate"}},
		"AutoSSL":                         {evaluateCertificate(serverpilot.App{SSL: serverpilot.SSL{Auto: true}}, false), want{OK, "AutoSSL is on"}},
		"AutoSSL could be on":             {evaluateCertificate(serverpilot.App{AutoSSL: serverpilot.AutoSSL{Available: true}}, false), want{OK, "a verification of a name"}},
		"AutoSSL stays off":               {evaluateCertificate(serverpilot.App{AutoSSL: serverpilot.AutoSSL{Available: true}}, true), want{OK, "stays off (PILOTSYNC_AUTOSSL)"}},
		"a server's address":              {evaluateAddress(known, nil, certcheck.Expected{}), want{OK, "198.51.100.4"}},
		"a server without an address":     {evaluateAddress(serverpilot.Server{}, nil, certcheck.Expected{}), want{Failure, "no address"}},
		"an address by settings":          {evaluateAddress(serverpilot.Server{}, nil, certcheck.Expected{Networks: []netip.Prefix{network}}), want{OK, "198.51.100.0/24"}},
		"an address besides the server's": {evaluateAddress(known, nil, certcheck.Expected{Networks: []netip.Prefix{network}}), want{OK, "its server is 198.51.100.4; DNS may also point to 198.51.100.0/24"}},
		"an address instead of it":        {evaluateAddress(known, nil, certcheck.Expected{Networks: []netip.Prefix{network}, Only: true}), want{OK, "DNS is to point to 198.51.100.0/24"}},
		"a server that is gone":           {evaluateAddress(serverpilot.Server{}, failed(serverpilot.Blocked, 404), certcheck.Expected{}), want{Failure, "can't be read"}},
		"a server that is unknown now":    {evaluateAddress(serverpilot.Server{}, failed(serverpilot.Retry, 500), certcheck.Expected{}), want{Warning, "could not be read"}},
		"an API that answers":             {evaluateAPI("h", answer{status: 401}), want{OK, "answers in"}},
		"a failing API":                   {evaluateAPI("h", answer{status: 503}), want{Warning, "answers 503"}},
		"an API without a DNS name":       {evaluateAPI("h", answer{err: &net.DNSError{Err: "no such host", Name: "h", IsNotFound: true}}), want{Failure, "DNS can't resolve h"}},
		"an API out of reach":             {evaluateAPI("h", answer{err: context.DeadlineExceeded}), want{Failure, "can't be reached"}},
		"a clock without a date":          {evaluateAPIClock(answer{}), want{Warning, "doesn't have"}},
		"a resolver without an answer":    {evaluateDNS("r", "do", "n", 0, &net.DNSError{Err: "server misbehaving", Server: "192.0.2.53:53"}), want{Failure, "r gives no usable answer about n: server misbehaving"}},
		"a resolver that knows nothing":   {evaluateDNS("r", "do", "n", 0, &net.DNSError{IsNotFound: true}), want{OK, "r answers"}},
		"a server that takes calls":       {evaluateOutbound(addr, 443, time.Second, nil), want{OK, "on port 443"}},
		"a server that takes no calls":    {evaluateOutbound(addr, 443, 0, dial(os.NewSyscallError("connect", syscall.ECONNREFUSED))), want{Warning, "refuses connections on port 443"}},
		"a firewall":                      {evaluateOutbound(addr, 443, 0, dial(context.DeadlineExceeded)), want{Failure, "can't be reached on port 443"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.want.check(t, test.got)
		})
	}
}

func TestServerPilotsClockIsReadFromItsAnswer(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 900e6, time.UTC)
	at := func(ahead time.Duration) answer {
		return answer{date: now.Add(ahead).Format(http.TimeFormat), before: now, after: now.Add(100 * time.Millisecond)}
	}
	want{OK, "agree"}.check(t, evaluateAPIClock(at(0)))
	want{Warning, "ahead of"}.check(t, evaluateAPIClock(at(5*time.Second)))
	want{Failure, "behind"}.check(t, evaluateAPIClock(at(-time.Minute)))
}

func TestAWebhookIsEvaluatedByItsAnswer(t *testing.T) {
	t.Parallel()
	const unknown, page = "[]", "<!DOCTYPE html><title>Log in</title>"
	for _, c := range []struct {
		status    int
		wordpress bool
		body      string
		want      want
	}{
		{200, true, "", want{OK, "answers 200, so it is there"}},
		{200, true, `{"methods":["POST"]}`, want{OK, "answers 200"}},
		{200, true, unknown, want{Failure, "doesn't know the plugin's address"}},
		{200, true, page, want{Failure, "something else is in its place"}},
		{200, false, page, want{OK, "answers 200"}},
		{204, false, "", want{OK, "answers 204"}},
		{401, true, "", want{Failure, "answers 401; WordPress answers 200"}},
		{403, true, "", want{Failure, "answers 403; WordPress answers 200"}},
		{405, true, "", want{Failure, "answers 405; WordPress answers 200"}},
		{401, false, "", want{Failure, "answers 401"}},
		{403, false, "", want{Failure, "answers 403"}},
		{405, false, "", want{OK, "answers 405"}},
		{400, false, "", want{Warning, "answers 400 to OPTIONS"}},
		{429, true, "", want{Warning, "answers 429"}},
		{301, true, "", want{Warning, "a redirect to h2, which isn't followed"}},
		{410, false, "", want{Warning, "answers 410"}},
		{404, false, "", want{Failure, "answers 404"}},
		{502, true, "", want{Failure, "answers 502"}},
	} {
		t.Run(fmt.Sprintf("%d, WordPress %v, %.10s", c.status, c.wordpress, c.body), func(t *testing.T) {
			t.Parallel()
			c.want.check(t, evaluateWebhook("h", c.wordpress, answer{status: c.status, location: "h2", body: []byte(c.body), restAPI: true}))
		})
	}
	want{Failure, "something else is in its place"}.check(t, evaluateWebhook("h", true, answer{status: 200}))
	want{Failure, "can't be reached: refused"}.check(t, evaluateWebhook("h", true, answer{err: errors.New("refused")}))
}

func TestAWebhooksClockIsComparedWithTheAgeOfASignature(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for ahead, want := range map[time.Duration]want{
		0: {OK, "it is there"}, 50 * time.Second: {OK, "it is there"}, -50 * time.Second: {OK, "it is there"},
		2 * time.Minute:  {Warning, "is 2m1s ahead of this machine's; from five minutes on"},
		-4 * time.Minute: {Warning, "is 4m0s behind this machine's; from five minutes on"},
		6 * time.Minute:  {Failure, "is 6m1s ahead of this machine's: it refuses all events"},
		-time.Hour:       {Failure, "is 1h0m0s behind this machine's: it refuses all events"},
	} {
		a := answer{status: 204, date: now.Add(ahead).Format(http.TimeFormat), before: now, after: now}
		want.check(t, evaluateWebhook("h", false, a))
	}
	want{OK, "it is there"}.check(t, evaluateWebhook("h", false, answer{status: 204, date: "soon"}))
}

func TestTheAddressOfWordPressIsKnown(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{
		"https://network.example/wp-json/pilotsync/v1/webhook":      true,
		"https://network.example/sub/wp-json/pilotsync/v1/webhook":  true,
		"https://network.example/?rest_route=/pilotsync/v1/webhook": true,
		"https://hooks.example/pilotsync":                           false,
		"https://hooks.example/?to=wp-json":                         false,
	} {
		if got := isWordPress(address); got != want {
			t.Errorf("%s: %v", address, got)
		}
	}
}

func TestEventsThatKeepFailingAreFoundWithTheLastAnswer(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	event := func(age, failed time.Duration, says string) *asynq.TaskInfo {
		e := tasks.Event{Type: tasks.AppBlocked, AppID: "app1", Reason: "x", At: now.Add(-age)}
		return &asynq.TaskInfo{Payload: tasks.Encode(e), LastErr: says, LastFailedAt: now.Add(-failed)}
	}
	type list = []*asynq.TaskInfo
	refused, away := event(2*time.Hour, time.Minute, "it answered 401"), event(3*time.Hour, 10*time.Minute, "it is away")
	for _, c := range []struct {
		name             string
		retrying, failed list
		want             want
	}{
		{"none", nil, nil, want{OK, "no event keeps failing"}},
		{"one that failed just now", list{event(30*time.Second, time.Second, "it answered 502")}, nil, want{OK, "no event keeps failing"}},
		{"one that was never sent", list{event(time.Hour, 0, "")}, nil, want{OK, "no event keeps failing"}},
		{"one that is sent again and again", list{refused}, nil, want{Warning, "1 event keeps failing, the oldest for 2h0m0s; the last answer: it answered 401"}},
		{"several", list{away, refused}, nil, want{Warning, "2 events keep failing, the oldest for 3h0m0s; the last answer: it answered 401"}},
		{"one that was given up", nil, list{away}, want{Warning, "1 event was given up; the last answer: it is away"}},
		{"both", list{refused}, list{away, away}, want{Warning, "1 event keeps failing, the oldest for 2h0m0s, and 2 were given up; the last answer: it answered 401"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.want.check(t, evaluateEvents(c.retrying, c.failed, now))
		})
	}
}

func TestQueuesAreEvaluatedByWaitingWork(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	server := func(pid int, status string, queues ...string) *asynq.ServerInfo {
		s := &asynq.ServerInfo{Host: "h", PID: pid, Status: status, Started: now.Add(-time.Hour), Queues: map[string]int{}}
		for _, q := range queues {
			s.Queues[q] = 1
		}
		return s
	}
	type queues = map[string]*asynq.QueueInfo
	accounts := []config.Account{{Apps: []string{"app1"}}}
	app := ledger.App{ID: "app1", Pending: 3, Oldest: now.Add(-4 * time.Minute)}
	late := ledger.App{ID: "app1", Pending: 3, Oldest: now.Add(-5 * time.Minute)}
	for name, test := range map[string]struct {
		got  Result
		want want
	}{
		"a worker":            {evaluateWorkers([]*asynq.ServerInfo{server(1, "active", "domains", "lists", "checks"), server(1, "active", "ssl", "events")}, now, nil), want{OK, "alive: h/1 (for 1h0m0s)"}},
		"no worker":           {evaluateWorkers(nil, now, nil), want{Failure, "no worker is alive"}},
		"a worker that stops": {evaluateWorkers([]*asynq.ServerInfo{server(1, "stopped", tasks.Queues()...)}, now, nil), want{Failure, "no worker is alive"}},
		"a worker of others":  {evaluateWorkers([]*asynq.ServerInfo{server(1, "active", "domains", "mail")}, now, nil), want{Failure, "no worker serves the queues lists, ssl, events, checks"}},
		"an earlier worker":   {evaluateWorkers([]*asynq.ServerInfo{server(1, "active", "domains", "lists", "ssl", "events")}, now, nil), want{Warning, "of an earlier release"}},
		"unreadable workers":  {evaluateWorkers(nil, now, errors.New("NOPERM")), want{Warning, "NOPERM"}},
		"no dry run":          {evaluateDryRun([]ledger.Worker{{Name: "h/1", Apps: []string{"app1"}}}, nil), want{OK, "no worker is in a dry run"}},
		"a dry run":           {evaluateDryRun([]ledger.Worker{{Name: "h/1", Apps: []string{"app1"}, DryRun: true}}, nil), want{Warning, "nothing is written to ServerPilot: h/1"}},
		"a dry run beside a worker that writes": {evaluateDryRun([]ledger.Worker{{Name: "h/1", Apps: []string{"app1", "app2"}, DryRun: true}, {Name: "h/2", Apps: []string{"app2"}}}, nil),
			want{Warning, "other workers do write the lists of app2"}},
		"workers that can't be read": {evaluateDryRun(nil, errors.New("NOPERM")), want{Warning, "NOPERM"}},
		"a change waits for the end of a dry run": {evaluateBacklog(nil, []ledger.App{{ID: "app1", Pending: 2, Oldest: now.Add(-time.Hour), DryRun: &ledger.DryRun{At: now}}}, now),
			want{OK, "waiting: changes that only a dry run has planned 2"}},
		"nothing waits":                {evaluateBacklog(nil, nil, now), want{OK, "nothing waits"}},
		"little waits":                 {evaluateBacklog(queues{"domains": {Pending: 2, Latency: time.Second}, "ssl": {Scheduled: 7}}, []ledger.App{app}, now), want{OK, "waiting: domains 2, ssl 7, changes in the ledger 3; the oldest has waited for 4m0s"}},
		"a change waits for long":      {evaluateBacklog(nil, []ledger.App{late}, now), want{Warning, "for 5m0s"}},
		"a task waits for long":        {evaluateBacklog(queues{"lists": {Pending: 1, Latency: time.Hour}}, nil, now), want{Warning, "for 1h0m0s"}},
		"a queue is paused":            {evaluateBacklog(queues{"lists": {Paused: true}}, nil, now), want{Failure, "paused: lists"}},
		"an empty archive":             {evaluateArchive(queues{"lists": {}}), want{OK, "no task"}},
		"a full archive":               {evaluateArchive(queues{"lists": {Archived: 2}, "events": {Archived: 1}}), want{Warning, "lists 2, events 1"}},
		"a blocked app":                {evaluateTrouble([]ledger.App{{ID: "app1", Failure: &listsync.Failure{Blocked: true, Reason: "no card"}}})[0], want{Failure, "blocked until a person acts: no card"}},
		"a failing app":                {evaluateTrouble([]ledger.App{{ID: "app1", Failure: &listsync.Failure{Reason: "500"}}})[0], want{Warning, "tried again: 500"}},
		"an action that failed":        {evaluateTrouble([]ledger.App{{ID: "app1", Action: &ledger.Action{ID: "A7", Status: serverpilot.ActionError}}})[0], want{Warning, "ServerPilot's action A7 for the last change of app app1's list ended with errors"}},
		"an action that succeeded":     {evaluateTrouble([]ledger.App{{ID: "app1", Action: &ledger.Action{ID: "A7", Status: serverpilot.ActionSuccess}}})[0], want{OK, "no app"}},
		"apps in order":                {evaluateTrouble([]ledger.App{{ID: "app1"}})[0], want{OK, "no app"}},
		"an app that is served":        {evaluateServed([]ledger.App{app}, nil, accounts)[0], want{OK, "every app"}},
		"an app without a worker":      {evaluateServed([]ledger.App{{ID: "app2", Pending: 3}}, nil, accounts)[0], want{Warning, "3 changes wait"}},
		"an app that was never served": {evaluateServed(nil, []ledger.App{{ID: "app2", Pending: 3}, {ID: "app1", Pending: 1}}, accounts)[0], want{Warning, "3 changes wait for this app"}},
		"many such apps":               {evaluateServed(nil, slices.Repeat([]ledger.App{{ID: "app2", Pending: 3}}, 6), accounts)[0], want{Warning, "18 changes wait for 6 apps"}},
		"tasks as they should be":      {evaluateTasks(10, 20, nil, nil), want{OK, "the 10 tasks that were read, of 20"}},
		"tasks of a later form":        {evaluateTasks(10, 10, nil, []string{"a"}), want{Warning, "1 of the 10 waiting tasks that were read are in a later format than this program knows: a"}},
		"tasks as they shouldn't":      {evaluateTasks(10, 20, strings.Split("a b c d e f g", " "), []string{"h"}), want{Failure, "7 of the 10 waiting tasks that were read can't be understood: a; b; c; d; e; and 2 more"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.want.check(t, test.got)
		})
	}
}

func TestATaskBelongsOnItsQueue(t *testing.T) {
	t.Parallel()
	payload := tasks.Encode(tasks.Sync{AppID: "app1", Wake: 1})
	if err := decode(tasks.QueueLists, tasks.TypeAppSync, payload); err != nil {
		t.Error(err)
	}
	for _, queue := range []string{tasks.QueueDomains, tasks.QueueSSL, tasks.QueueEvents, tasks.QueueChecks} {
		if err := decode(queue, tasks.TypeAppSync, payload); err == nil {
			t.Errorf("%s takes an app:sync", queue)
		}
	}
	if err := decode(tasks.QueueDomains, tasks.TypeDomainAdd, []byte(`{"app_id":"app1"}`)); !errors.Is(err, tasks.ErrPayload) {
		t.Errorf("a change without a domain: %v", err)
	}
}

func TestAFullRedisIsNamedBeforeMissingWorkers(t *testing.T) {
	t.Parallel()
	for status, want := range map[Status]string{Failure: "while Redis is full", Warning: "no worker is alive"} {
		queues := explainFull([]Result{{Check: CheckMemory, Status: status}}, []Result{evaluateWorkers(nil, time.Now(), nil)})
		if got := queues[0]; got.Status != Failure || !strings.Contains(got.Detail, want) {
			t.Errorf("with %v as the state of Redis's memory: %+v, want %q", status, got, want)
		}
	}
}
