package redistest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func connect(t *testing.T, url string) *redis.Client {
	t.Helper()
	opt, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	rdb := redis.NewClient(opt)
	t.Cleanup(func() { _ = rdb.Close() })
	return rdb
}

func TestWhatARestartKeeps(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for _, c := range []struct {
		name string
		args []string
		end  func(*Server)
		want string
	}{
		{"nothing by default", nil, (*Server).Stop, ""},
		{"an append-only file survives a shutdown", []string{"--appendonly", "yes"}, (*Server).Stop, "there"},
		{"an append-only file survives a crash", []string{"--appendonly", "yes"}, (*Server).Kill, "there"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := New(t, c.args...)
			url := s.URL
			if err := connect(t, url).Set(ctx, "key", "there", 0).Err(); err != nil {
				t.Fatal(err)
			}
			c.end(s)
			if conn, err := net.Dial("tcp", s.Addr); err == nil {
				_ = conn.Close()
				t.Fatal("an ended server takes connections")
			}
			s.Start()
			if got, err := connect(t, url).Get(ctx, "key").Result(); got != c.want || err != nil && !errors.Is(err, redis.Nil) {
				t.Errorf("after the restart it holds %q, %v; want %q", got, err, c.want)
			}
		})
	}
}

func TestServersAreApart(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	a, b := connect(t, Start(t)), connect(t, Start(t))
	if err := a.Set(ctx, "key", "a", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if err := b.Get(ctx, "key").Err(); !errors.Is(err, redis.Nil) {
		t.Errorf("got %v from the other server; want no such key", err)
	}
}

// skipper is a fake test that records that it was skipped.
type skipper struct {
	testing.TB
	why string
}

// Skip ends the goroutine, as a test's own does.
func (s *skipper) Skip(args ...any) {
	s.why = fmt.Sprint(args...)
	runtime.Goexit()
}

func TestATestIsSkippedWhereRedisIsNotInstalled(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	s := &skipper{TB: t}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		Start(s)
		t.Error("Start went on without a redis-server")
	}()
	<-ended
	if !strings.Contains(s.why, "redis-server") {
		t.Errorf("skipped with %q, which doesn't say what is missing", s.why)
	}
}
