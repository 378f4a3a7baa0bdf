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

	"pilotsync/tasks"
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

// The last number is ahead of the clock after the clock was set back.
func TestNumbersAheadOfTheClockAreExact(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		ctx := context.Background()
		rdb := connect(t, url)
		const last = 9007199254740001 - 1000 // 16 digits, odd
		if err := rdb.Set(ctx, "pilotsync:{app1}:seq", last, 0).Err(); err != nil {
			t.Fatal(err)
		}
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
		if err := rdb.Set(ctx, "pilotsync:{app1}:seq", last, 0).Err(); err != nil {
			t.Fatal(err)
		}
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
	blocks, err := reserveNumbers(ctx, rdb, tasks.QueueDomains, map[string]int{app: n})
	if err != nil {
		return 0, time.Time{}, err
	}
	return blocks[app].next, blocks[app].at, nil
}
