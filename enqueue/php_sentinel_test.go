package enqueue

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"pilotsync/test/freeport"
	"pilotsync/test/redistest"
)

func TestPHPFindsTheMasterAfterAFailover(t *testing.T) {
	t.Parallel()
	php := requirePHP(t)
	set := redistest.NewSentinel(t, redistest.Security{})
	dead, err := freeport.Addr() // no process listens there
	if err != nil {
		t.Fatal(err)
	}
	url := strings.Replace(set.URL, "redis-sentinel://", "redis-sentinel://"+dead+",", 1)
	p := startPHPProcess(t, php, url)
	if got := p.enqueue("one.example.com"); !strings.Contains(got, `"one.example.com"`) {
		t.Fatalf("PHP says: %s", got)
	}

	const pending = "asynq:{domains}:pending"
	await(t, "the replicas have the change", func() error {
		for _, r := range set.Replicas {
			if n, err := connect(t, r.URL).LLen(t.Context(), pending).Result(); err != nil || n != 1 {
				return fmt.Errorf("%s has %d (%v)", r.Addr, n, err)
			}
		}
		return nil
	})
	set.Master.Kill()
	var master *redis.Client
	await(t, "a replica is the master", func() error {
		now, err := set.Current(t)
		if err != nil || now == set.Master.Addr {
			return fmt.Errorf("the first Sentinel names %s (%v)", now, err)
		}
		master = connect(t, "redis://"+now)
		return nil
	})
	// The same client, whose connection was to the old master.
	await(t, "the change is enqueued", func() error {
		got := p.enqueue("two.example.com")
		switch {
		case strings.Contains(got, `"two.example.com"`):
			return nil
		case !strings.Contains(got, "RedisUnavailable"):
			t.Fatalf("after the failover PHP says: %s", got)
		}
		return errors.New(got)
	})
	ids, err := master.LRange(t.Context(), pending, 0, -1).Result()
	if err != nil || len(ids) != 2 || !strings.Contains(fmt.Sprint(ids), "two.example.com") || !strings.Contains(fmt.Sprint(ids), "one.example.com") {
		t.Errorf("the new master's queue holds %q, %v; want both changes", ids, err)
	}
}

func TestPHPsErrorQuotesEachSentinel(t *testing.T) {
	t.Parallel()
	php := requirePHP(t)
	set := redistest.NewSentinel(t, redistest.Security{})
	dead, err := freeport.Addr()
	if err != nil {
		t.Fatal(err)
	}
	url := strings.Replace(strings.Replace(set.URL, "master=main", "master=other", 1), "redis-sentinel://", "redis-sentinel://"+dead+",", 1)
	got := startPHPProcess(t, php, url).enqueue("one.example.com")
	for _, want := range []string{"RedisUnavailable", dead + "/0 is unavailable", "Sentinel at redis://" + set.Sentinels[2] + "/0 doesn't know the master other"} {
		if !strings.Contains(got, want) {
			t.Errorf("PHP says %q; want %q in it", got, want)
		}
	}
}

func await(t *testing.T, what string, ok func() error) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; <-time.After(20 * time.Millisecond) {
		err := ok()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within a minute: %v", what, err)
		}
	}
}

// phpProcess is a PHP process with one client, which enqueues changes one by one.
type phpProcess struct {
	t   *testing.T
	in  io.Writer
	out *bufio.Reader
}

func startPHPProcess(t *testing.T, php phpBinary, url string) *phpProcess {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), string(php), "php/tests/scripts/lines.php", url, "app1")
	cmd.Stderr = t.Output()
	in, errIn := cmd.StdinPipe()
	out, errOut := cmd.StdoutPipe()
	if errIn != nil || errOut != nil {
		t.Fatal(errIn, errOut)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close() // ends the process
		if err := cmd.Wait(); err != nil && t.Context().Err() == nil {
			t.Errorf("PHP ended with %v", err)
		}
	})
	return &phpProcess{t: t, in: in, out: bufio.NewReader(out)}
}

// enqueue returns PHP's output for an addition.
func (l *phpProcess) enqueue(domain string) string {
	l.t.Helper()
	if err := json.NewEncoder(l.in).Encode(phpRequest{Domain: domain}); err != nil {
		l.t.Fatal(err)
	}
	line, err := l.out.ReadString('\n')
	if err != nil {
		l.t.Fatalf("no output of PHP: %v", err)
	}
	return line
}
