package ledger

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"pilotsync/tasks"
	"pilotsync/test/redistest"
	"pilotsync/worker/listsync"
)

// state is the content of Redis, by key. Keys of app1 have their short names. Times of Redis's
// clock are written as their distance from now ("+30s"), in steps of five seconds. The clock of
// a real Redis can't be stopped. Those of told and outbox are in microseconds, the others in
// milliseconds.
type state map[string]any

type (
	hash   map[string]string
	lines  []string
	set    []string
	zset   map[string]float64
	str    string
	script struct {
		name   string
		before state
		do     func(ctx context.Context, l *Ledger) string // returns the result as text
		want   string
		after  state
	}
)

const testApp = "app1"

// first is a realistic order number in microseconds. It exceeds 32 bit integers and Lua's
// own formatting of numbers.
const first = 1772366400123457

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// runScripts runs the same cases against miniredis and a real Redis.
func runScripts(t *testing.T, cases []script) {
	t.Helper()
	onBackends(t, func(t *testing.T, _ *Ledger, rdb *redis.Client) {
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				if err := rdb.FlushAll(t.Context()).Err(); err != nil {
					t.Fatal(err)
				}
				seed(t, rdb, c.before)
				if got := c.do(t.Context(), New(rdb)); got != c.want {
					t.Errorf("got %q, want %q", got, c.want)
				}
				want := c.after
				if want == nil {
					want = c.before
				}
				if diff := cmp.Diff(want, dump(t, rdb)); diff != "" {
					t.Errorf("Redis afterwards (-want +got):\n%s", diff)
				}
			})
		}
	})
}

func backends() map[string]func(*testing.T) *redis.Client {
	return map[string]func(*testing.T) *redis.Client{
		"miniredis": func(t *testing.T) *redis.Client {
			server := miniredis.RunT(t)
			server.SetTime(start)
			return client(t, server.Addr())
		},
		"redis-server": func(t *testing.T) *redis.Client { return client(t, redistest.New(t).Addr) },
	}
}

// onBackends runs a test of a ledger on each of the backends, in parallel.
func onBackends(t *testing.T, do func(t *testing.T, l *Ledger, rdb *redis.Client)) {
	t.Helper()
	for name, connect := range backends() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rdb := connect(t)
			do(t, New(rdb), rdb)
		})
	}
}

func client(t *testing.T, addr string) *redis.Client {
	rdb := redis.NewClient(&redis.Options{Addr: addr})
	t.Cleanup(func() { _ = rdb.Close() })
	return rdb
}

// forReaders are keys that repeat, for quick searches, what other keys have. Another test
// compares them with those. The events have the same lines as the outbox, and a test of their own.
var forReaders = []string{"index", "latest", "waiting", "expiry", "renew_by", "shown", "writes", "events"}

// agendaKeys have a test of their own.
// numberKeys have a test of their own.
var numberKeys = []string{"newest", "seq"}

var agendaKeys = []string{visitsKey, marksKey, changedKey, namesKey, namedKey, auditKey, sitesKey}

// timed are the fields with times of Redis's clock.
var timed = []string{"until", "landing"}

func seed(t *testing.T, rdb *redis.Client, s state) {
	t.Helper()
	ctx := t.Context()
	now := rdb.Time(ctx).Val().UnixMilli()
	for short, value := range s {
		k, err := long(short), error(nil)
		switch v := value.(type) {
		case hash:
			for field, text := range v {
				if slices.Contains(timed, field) {
					text = absolute(t, now, text)
				}
				err = rdb.HSet(ctx, k, field, text).Err()
			}
		case lines:
			for _, item := range v {
				if distance, event, _ := strings.Cut(item, " "); short == "outbox" {
					item = absolute(t, now, distance) + "000 " + event
				}
				err = rdb.RPush(ctx, k, item).Err()
			}
		case set:
			for _, item := range v {
				err = rdb.SAdd(ctx, k, item).Err()
			}
		case zset:
			for member, score := range v {
				err = rdb.ZAdd(ctx, k, redis.Z{Score: score, Member: member}).Err()
			}
		case str:
			at := absolute(t, now, string(v))
			if short == "told" {
				at += "000"
			}
			err = rdb.Set(ctx, k, at, 0).Err()
		default:
			t.Fatalf("%s: unknown type %T", short, value)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func dump(t *testing.T, rdb *redis.Client) state {
	t.Helper()
	ctx := t.Context()
	now := rdb.Time(ctx).Val().UnixMilli()
	s := state{}
	for _, k := range rdb.Keys(ctx, "*").Val() {
		short := strings.TrimPrefix(k, key(testApp, ""))
		if slices.Contains(forReaders, short) || slices.Contains(agendaKeys, short) || slices.Contains(numberKeys, short) {
			continue
		}
		switch kind := rdb.Type(ctx, k).Val(); kind {
		case "hash":
			h := hash(rdb.HGetAll(ctx, k).Val())
			for _, field := range timed {
				if h[field] != "" {
					h[field] = relative(t, now, h[field])
				}
			}
			if token := h["token"]; len(token) > 20 {
				h["token"] = "new" // random
			}
			s[short] = h
		case "list":
			all := lines(rdb.LRange(ctx, k, 0, -1).Val())
			for i, line := range all {
				if at, event, _ := strings.Cut(line, " "); short == "outbox" {
					all[i] = relative(t, now, at[:len(at)-3]) + " " + event
				}
				if domain, is := strings.CutPrefix(short, "log:"); is {
					// As JSON, which every form of a line can be compared in.
					if e, err := newLineCodec(testApp, domain).decode(line); err == nil {
						all[i] = encode(e)
					}
				}
			}
			s[short] = all
		case "set":
			s[short] = set(slices.Sorted(slices.Values(rdb.SMembers(ctx, k).Val())))
		case "zset":
			z := zset{}
			for _, member := range rdb.ZRangeWithScores(ctx, k, 0, -1).Val() {
				z[member.Member.(string)] = member.Score
			}
			s[short] = z
		case "string":
			at := rdb.Get(ctx, k).Val()
			if short == "told" {
				at = at[:len(at)-3]
			}
			s[short] = str(relative(t, now, at))
		default:
			t.Fatalf("%s is a %s", k, kind)
		}
	}
	return s
}

func long(short string) string {
	if strings.HasPrefix(short, "pilotsync:") {
		return short
	}
	return key(testApp, short)
}

func absolute(t *testing.T, now int64, distance string) string {
	t.Helper()
	d, err := time.ParseDuration(distance)
	if err != nil {
		t.Fatal(err)
	}
	return strconv.FormatInt(now+d.Milliseconds(), 10)
}

func relative(t *testing.T, now int64, ms string) string {
	t.Helper()
	at, err := strconv.ParseInt(ms, 10, 64)
	if err != nil {
		t.Fatalf("a time in Redis: %v", err)
	}
	return fmt.Sprintf("%+ds", 5*int(math.Round(float64(at-now)/5000)))
}

var mine = listsync.Lease{App: testApp, Token: "mine"}

// leased is the sync hash of an app whose lease the test has, changed by more; an empty value
// removes a field.
func leased(more hash) hash {
	h := hash{"awake": "1", "wake": "1", "token": "mine", "until": "+20s", "taken": "1"}
	for field, value := range more {
		h[field] = value
		if value == "" {
			delete(h, field)
		}
	}
	return h
}

func change(domain string, seq int64) listsync.Pending {
	return listsync.Pending{Change: tasks.Change{AppID: testApp, Domain: domain, Seq: seq, RequestedAt: start}, RecordedAt: start}
}

func removal(domain string, seq int64) listsync.Pending {
	c := change(domain, seq)
	c.Remove = true
	return c
}

// record returns that of a listed domain whose verification is due in a minute.
func record(domain string, seq int64) listsync.Record {
	next := start.Add(time.Minute)
	return listsync.Record{Domain: domain, Seq: seq, Wanted: true, Since: seq, WWW: tasks.WWWAlways, State: tasks.CheckingDNS,
		Names: []string{domain}, CheckSeq: seq, RequestedAt: start, UpdatedAt: start, NextAttemptAt: &next}
}

func ended(domain string, seq int64) listsync.Record {
	return listsync.Record{Domain: domain, Seq: seq, State: tasks.Removed, Names: []string{domain}, RequestedAt: start, UpdatedAt: start}
}

var nextMs = float64(start.Add(time.Minute).UnixMilli())

func event(reason string) listsync.HistoryEntry {
	return listsync.HistoryEntry{At: start, State: tasks.Pending, Reason: reason, Actor: "request"}
}

func number(n int64) string { return strconv.FormatInt(n, 10) }

// outcome formats the result of a call of the ledger.
func outcome(ok string, err error) string {
	if err != nil {
		return err.Error()
	}
	return ok
}
