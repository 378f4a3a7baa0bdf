package redisurl

import "testing"

func TestTheSameDatabaseIsRecognizedForAnyUser(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		a, b string
		want bool
	}{
		{"redis://php:p@127.0.0.1:6379/0", "redis://worker:w@127.0.0.1:6379/0", true},
		{"redis://php:p@127.0.0.1", "redis://127.0.0.1:6379/0", true},
		{"redis://localhost:6379/0", "redis://[::1]/0", true},
		{"redis://Redis.internal/0", "redis://redis.internal", true},
		{"redis://redis.internal/0", "redis://127.0.0.1", false},
		{"redis-socket:///run/r.sock", "unix://user:pw@/run/r.sock?db=0", true},
		{"redis-socket:///run/r.sock?db=1", "unix:///run/r.sock", false},
		{"redis://127.0.0.1/1", "redis://127.0.0.1/0", false},
		{"redis://127.0.0.1:6380", "redis://127.0.0.1:6379", false},
		{"redis-sentinel://php:p@s1,s2/0?master=main", "redis-sentinel://worker:w@s1,s2/0?master=main", true},
		{"redis-sentinel://s1,s2/0?master=main", "redis-sentinel://s1,s2/0?master=other", false},
		{"redis-sentinel://s1/0?master=main", "redis://s1/0", false},
		{"x://a", "x://b", false},
		{"x://a", "x://a", true},
	} {
		if got := Same(test.a, test.b); got != test.want {
			t.Errorf("Same(%q, %q) is %t", test.a, test.b, got)
		}
	}
}
