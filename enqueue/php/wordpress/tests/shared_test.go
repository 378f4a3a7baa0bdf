//go:build wordpress

package wordpress

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"pilotsync/tasks"
	"pilotsync/test/redistest"
)

// sharedRedis: if WordPress's object cache would empty the queue, the built-in provider stays
// active.
func sharedRedis(f *fixture) {
	at, err := url.Parse(f.redis.URL)
	if err != nil {
		f.t.Fatal(err)
	}
	cache := fmt.Sprintf("<?php define( 'WP_REDIS_PORT', %s );", at.Port())
	dropIn, err := os.ReadFile("site/object-cache.php")
	if err != nil {
		f.t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		files map[string]string
		taken bool
	}{
		{"constants of the same database", map[string]string{"extra.php": cache}, false},
		{"a cache with a connection to it", map[string]string{"wp-content/object-cache.php": string(dropIn), "cache-database": "0 " + redistest.Password("admin")}, false},
		{"a cache in another database", map[string]string{"wp-content/object-cache.php": string(dropIn), "cache-database": "1 " + redistest.Password("admin")}, true},
		{"constants of another database", map[string]string{"extra.php": cache + " define( 'WP_REDIS_DATABASE', '1' );"}, true},
		{"a cache that is switched off", map[string]string{"extra.php": cache + " define( 'WP_REDIS_DISABLED', true );"}, true},
		{"the same database, if it is allowed", map[string]string{"extra.php": cache + " define( 'PILOTSYNC_SHARED_REDIS', true );"}, true},
	} {
		f.t.Run(c.name, func(t *testing.T) {
			in := f.forTest(t)
			for name, content := range c.files {
				in.writeFile(name, content)
			}
			before := len(in.do().Calls)
			s := in.do(step{"do_action", "wu_add_domain", "cached.example.com", 2}, step{"notices"})
			sent := in.sent()
			if called := len(s.Calls) > before; called == c.taken || (len(sent) > 0) != c.taken {
				t.Errorf("the built-in provider was called: %t, enqueued: %q", called, sent)
			}
			const says = "PILOTSYNC_REDIS_URL names the Redis database"
			if strings.Contains(s.Output, says) == c.taken {
				t.Errorf("the notices are %q", s.Output)
			}
			if c.taken {
				in.do(step{"do_action", "wu_remove_domain", "cached.example.com", 2})
				in.sent()
				return
			}
			change := fmt.Sprintf("redis://127.0.0.1:%s/1", at.Port())
			if !strings.Contains(s.Output, change) {
				t.Errorf("the notice %q doesn't propose %s", s.Output, change)
			}
			if out, err := in.cli("test"); err == nil || !strings.Contains(out, says) {
				t.Errorf("wp pilotsync test prints %q (%v)", out, err)
			}
			if status, answer := in.postEvent("shared", time.Now(), domainEvent("cached.example.com", tasks.Done, time.Now())); status != 404 {
				t.Errorf("an event is answered with %d %s", status, answer)
			}
		})
	}
	f.t.Run("keys of other programs", func(t *testing.T) {
		in := f.forTest(t)
		if out, _ := in.cli("test"); !strings.Contains(out, "ok     Keys in Redis: This user of Redis may not list keys") {
			t.Errorf("as the user php wp pilotsync test prints %q", out)
		}
		may := func(right string) {
			if err := f.rdb.Do(context.Background(), "ACL", "SETUSER", "php", right).Err(); err != nil {
				t.Error(err)
			}
		}
		may("+scan")
		defer may("-scan")
		if out, _ := in.cli("test"); !strings.Contains(out, "ok     Keys in Redis: No other program") {
			t.Errorf("without any wp pilotsync test prints %q", out)
		}
		if err := f.rdb.Set(t.Context(), "wp_cache:session:secret", 1, 0).Err(); err != nil {
			t.Fatal(err)
		}
		defer f.rdb.Del(t.Context(), "wp_cache:session:secret")
		out, _ := in.cli("test")
		if !strings.Contains(out, "WRONG  Keys in Redis: 1 of the ") || !strings.Contains(out, "(wp_cache…)") || strings.Contains(out, "secret") {
			t.Errorf("wp pilotsync test prints %q", out)
		}
		if s := in.do(step{"health"}); !strings.Contains(s.Output, "belong to other programs (wp_cache…)") {
			t.Errorf("Site Health shows %q", s.Output)
		}
		in.writeFile("extra.php", "<?php define( 'PILOTSYNC_SHARED_REDIS', true );")
		if out, _ := in.cli("test"); !strings.Contains(out, "ok     Keys in Redis: 1 of the ") {
			t.Errorf("with leave wp pilotsync test prints %q", out)
		}
	})
}
