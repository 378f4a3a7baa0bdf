package enqueue

import (
	"context"
	"errors"
	"io"
	"testing"
)

// reply is an error of Redis itself, as go-redis recognises it.
type reply string

func (r reply) Error() string { return string(r) }
func (reply) RedisError()     {}

func TestOnlyARedisThatIsNotReadyIsErrUnavailable(t *testing.T) {
	t.Parallel()
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	for _, c := range []struct {
		name string
		ctx  context.Context
		err  error
		want bool
	}{
		{"a broken connection", context.Background(), io.EOF, true},
		{"it loads its data", context.Background(), reply("LOADING Redis is loading the dataset in memory"), true},
		{"its master is down", context.Background(), reply("MASTERDOWN Link with MASTER is down"), true},
		{"the cluster is down", context.Background(), reply("CLUSTERDOWN The cluster is down"), true},
		{"a slot is migrating", context.Background(), reply("TRYAGAIN Multiple keys request during rehashing of slot"), true},
		{"it has no connection left", context.Background(), reply("ERR max number of clients reached"), true},
		{"it wants a password", context.Background(), reply("NOAUTH Authentication required."), false},
		{"its memory is full", context.Background(), reply("OOM command not allowed when used memory > 'maxmemory'."), false},
		{"the caller canceled", canceled, io.EOF, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := classify(c.ctx, c.err)
			if errors.Is(got, ErrUnavailable) != c.want || !errors.Is(got, c.err) {
				t.Errorf("got %v; want unavailable %v, and the cause inside", got, c.want)
			}
		})
	}
}
