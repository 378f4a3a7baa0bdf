package embeddedredis_test

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"pilotsync/internal/embeddedredis"
	"pilotsync/test/harness"
)

func TestAKeyExpires(t *testing.T) {
	t.Parallel()
	r, err := embeddedredis.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	opt, err := redis.ParseURL(r.URL())
	if err != nil {
		t.Fatal(err)
	}
	rdb := redis.NewClient(opt)
	t.Cleanup(func() { rdb.Close() })
	if err := rdb.Set(t.Context(), "key", "value", 10*time.Millisecond).Err(); err != nil {
		t.Fatal(err)
	}
	harness.AwaitTrue(t, "the end of a key", func() bool { return rdb.Exists(t.Context(), "key").Val() == 0 })
}

func TestAnAddressInUseIsRefused(t *testing.T) {
	t.Parallel()
	r, err := embeddedredis.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	if _, err := embeddedredis.Start(r.Addr()); err == nil {
		t.Errorf("two listen on %s", r.Addr())
	}
}
