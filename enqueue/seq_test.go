package enqueue

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"pilotsync/enqueue/functions"
	"pilotsync/tasks"
	"pilotsync/test/redistest"
)

func TestConcurrentProducersNeverGetTheSameNumber(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		const producers, blocks, size = 8, 40, 7
		ctx := context.Background()
		var mu sync.Mutex
		seen := map[string]string{} // "app seq" → its producer and block
		var group errgroup.Group
		for p := range producers {
			rdb := connect(t, url)
			group.Go(func() error {
				last := map[string]int64{}
				for b := range blocks {
					app := fmt.Sprintf("app%d", b%2)
					first, _, err := takeNumbers(ctx, rdb, app, size)
					if err != nil {
						return err
					}
					if first <= last[app] {
						return fmt.Errorf("%s: %d came after %d", app, first, last[app])
					}
					last[app] = first + size - 1
					mu.Lock()
					for seq := first; seq < first+size; seq++ {
						key, owner := fmt.Sprint(app, " ", seq), fmt.Sprint(p, ".", b)
						if other, taken := seen[key]; taken {
							t.Errorf("%s went to %s and to %s", key, other, owner)
						}
						seen[key] = owner
					}
					mu.Unlock()
				}
				return nil
			})
		}
		if err := group.Wait(); err != nil {
			t.Fatal(err)
		}
		if len(seen) != producers*blocks*size {
			t.Errorf("%d numbers were given out, want %d", len(seen), producers*blocks*size)
		}
	})
}

func TestNumbersFollowRedisClock(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		ctx := context.Background()
		rdb := connect(t, url)
		before, err := rdb.Time(ctx).Result()
		if err != nil {
			t.Fatal(err)
		}
		first, at, err := takeNumbers(ctx, rdb, "app1", 3)
		if err != nil {
			t.Fatal(err)
		}
		after, err := rdb.Time(ctx).Result()
		if err != nil {
			t.Fatal(err)
		}
		if first < before.UnixMicro() || first > after.UnixMicro() {
			t.Errorf("the first number is %d; Redis's clock went from %d to %d", first, before.UnixMicro(), after.UnixMicro())
		}
		if at.UnixMicro() != first || at.Location() != time.UTC || at.Nanosecond()%1000 != 0 {
			t.Errorf("the time is %v; want that of %d in UTC, in whole microseconds", at, first)
		}
	})
}

func TestNumbersContinueToRiseAfterAFlush(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		ctx := context.Background()
		rdb := connect(t, url)
		var last int64
		for range 20 {
			first, _, err := takeNumbers(ctx, rdb, "app1", 1)
			if err != nil {
				t.Fatal(err)
			}
			if first <= last {
				t.Fatalf("%d came after %d", first, last)
			}
			last = first
			if err := rdb.FlushAll(ctx).Err(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// The last number is ahead of the clock after the clock was set back. A worker has recorded such a
// number.
func TestNumbersAheadOfTheClockAreExact(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		ctx := context.Background()
		rdb := connect(t, url)
		const last = 9007199254740001 - 1000 // 16 digits, odd
		setNumbers(t, rdb, fmt.Sprint(last), fmt.Sprint(last-3))
		var got []int64
		for _, n := range []int{1, 1, 5, 1} {
			first, _, err := takeNumbers(ctx, rdb, "app1", n)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, first)
		}
		if diff := cmp.Diff([]int64{last + 1, last + 2, last + 3, last + 8}, got); diff != "" {
			t.Errorf("first numbers (-want +got):\n%s", diff)
		}
		if stored := rdb.Get(ctx, "pilotsync:{app1}:seq").Val(); stored != strconv.Itoa(last+8) {
			t.Errorf("stored is %q, want %d", stored, last+8)
		}
	})
}

func TestNumbersFromTwoToThe53AreRefused(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		ctx := context.Background()
		rdb := connect(t, url)
		const last = 1<<53 - 2 // leaves one
		setNumbers(t, rdb, fmt.Sprint(last), fmt.Sprint(last))
		for range 2 {
			if _, _, err := takeNumbers(ctx, rdb, "app1", 2); err == nil || !strings.Contains(err.Error(), "2^53") {
				t.Fatalf("got %v; want a refusal", err)
			}
		}
		if first, _, err := takeNumbers(ctx, rdb, "app1", 1); err != nil || first != last+1 {
			t.Errorf("the last possible number: %d, %v; want %d", first, err, last+1)
		}
	})
}

// A limited user may set the last number. It can neither use up the numbers nor go below one that
// a worker recorded.
func TestALastNumberThatWasNeverGivenIsIgnored(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		rdb := connect(t, url)
		now := time.Now().UnixMicro()
		const year = 365 * 24 * 60 * 60 * 1_000_000
		for _, c := range []struct {
			name         string
			last, newest string
			from         int64 // the next number, or more if it is a time
		}{
			{"the greatest number", fmt.Sprint(1<<53 - 1), "", now},
			{"two years ahead of the clock", fmt.Sprint(now + 2*year), "", now},
			{"a month ahead, as after a change of the clock", fmt.Sprint(now + year/12), "", now + year/12 + 1},
			{"a million ahead of what was recorded ahead of the clock", fmt.Sprint(now + 9*year + 1_000_000), fmt.Sprint(now + 9*year), now + 9*year + 1},
			{"a thousand ahead of it, as while changes wait", fmt.Sprint(now + 9*year + 1_000), fmt.Sprint(now + 9*year), now + 9*year + 1_001},
			{"below what was recorded ahead of the clock", "5", fmt.Sprint(now + 9*year), now + 9*year + 1},
			{"not a number", "nan", "", now},
			{"infinity", "inf", "", now},
			{"less than any", "-inf", "", now},
			{"no number at all", "x", "", now},
			{"nothing", "", "", now},
		} {
			setNumbers(t, rdb, c.last, c.newest)
			first, _, err := takeNumbers(t.Context(), rdb, "app1", 2)
			if err != nil || first < c.from || first != c.from && first > time.Now().UnixMicro() {
				t.Errorf("%s: the next number is %d, %v; want %d", c.name, first, err, c.from)
			}
			setNumbers(t, rdb, c.last, c.newest)
			receipts, err := New(rdb).Enqueue(t.Context(), Request{AppID: "app1", Domain: "shop.example.com"})
			if err != nil || receipts[0].Seq < c.from || receipts[0].Seq != c.from && receipts[0].Seq > time.Now().UnixMicro() {
				t.Errorf("%s: the next change has %+v, %v; want %d", c.name, receipts, err, c.from)
			}
			if last := rdb.Get(t.Context(), seqKey("app1")).Val(); last != fmt.Sprint(receipts[0].Seq) {
				t.Errorf("%s: the last number is %s after that", c.name, last)
			}
		}
	})
}

// An ACL file of an earlier release doesn't let producers read the newest number.
func TestWithoutTheRightToTheNewestNumberTheLastOneCounts(t *testing.T) {
	t.Parallel()
	url := redistest.Start(t)
	admin := connect(t, url)
	if err := admin.Do(t.Context(), "ACL", "SETUSER", "php", "on", ">secret", "~*:seq", "~asynq:*", "&*", "+@all").Err(); err != nil {
		t.Fatal(err)
	}
	opt := admin.Options()
	rdb := redis.NewClient(&redis.Options{Addr: opt.Addr, Username: "php", Password: "secret"})
	t.Cleanup(func() { _ = rdb.Close() })
	ahead := time.Now().Add(9 * 24 * time.Hour).UnixMicro()
	setNumbers(t, admin, fmt.Sprint(ahead), "")
	first, _, err := takeNumbers(t.Context(), rdb, "app1", 1)
	if err != nil || first != ahead+1 {
		t.Errorf("the next number is %d, %v; want %d", first, err, ahead+1)
	}
	receipts, err := New(rdb).Enqueue(t.Context(), Request{AppID: "app1", Domain: "shop.example.com"})
	if err != nil || receipts[0].Seq != ahead+2 {
		t.Errorf("the next change has %+v, %v; want %d", receipts, err, ahead+2)
	}
}

// setNumbers sets the last number of app1, and the newest that a worker recorded; empty for none.
func setNumbers(t *testing.T, rdb *redis.Client, last, newest string) {
	t.Helper()
	for name, value := range map[string]string{"seq": last, "newest": newest} {
		var err error
		if value == "" {
			err = rdb.Del(t.Context(), "pilotsync:{app1}:"+name).Err()
		} else {
			err = rdb.Set(t.Context(), "pilotsync:{app1}:"+name, value, 0).Err()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestNumbersRiseIfTheClockStopsOrIsSetBack(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	_, mini, rdb := setup(t)
	var got []int64
	for _, step := range []time.Duration{0, 0, -time.Hour, -time.Hour, time.Second} {
		mini.SetTime(clock.Add(step))
		first, at, err := takeNumbers(ctx, rdb, "app1", 2)
		if err != nil {
			t.Fatal(err)
		}
		if !at.Equal(clock.Add(step)) {
			t.Errorf("the time is %v; want Redis's, %v", at, clock.Add(step))
		}
		got = append(got, first)
	}
	want := []int64{clockMicros, clockMicros + 2, clockMicros + 4, clockMicros + 6, clockMicros + 1000000}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("first numbers (-want +got):\n%s", diff)
	}
	if !slices.IsSorted(got) {
		t.Error("they don't rise")
	}
}

func TestEachAppHasItsOwnNumbers(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	_, mini, rdb := setup(t)
	mini.SetTime(clock)
	for range 2 {
		if _, _, err := takeNumbers(ctx, rdb, "app1", 100); err != nil {
			t.Fatal(err)
		}
	}
	if first, _, err := takeNumbers(ctx, rdb, "app2", 1); err != nil || first != clockMicros {
		t.Errorf("app2 starts with %d, %v; want %d", first, err, int64(clockMicros))
	}
}

// takeNumbers reserves n numbers of one app.
func takeNumbers(ctx context.Context, rdb redis.UniversalClient, app string, n int) (first int64, at time.Time, err error) {
	blocks, err := reserveNumbers(ctx, rdb, functions.NewRunner(rdb), tasks.QueueDomains, map[string]int{app: n})
	if err != nil {
		return 0, time.Time{}, err
	}
	return blocks[app].next, blocks[app].at, nil
}
