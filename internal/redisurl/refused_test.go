package redisurl

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"pilotsync/test/redistest"
)

// opened returns a client of a URL, opened as by commands and workers.
func opened(t *testing.T, url string) redis.UniversalClient {
	t.Helper()
	client, err := Open(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func TestARefusedLoginNamesTheUserAndRedissReason(t *testing.T) {
	t.Parallel()
	server, cluster := redistest.Shipped(t), redistest.NewCluster(t, 3, redistest.Security{}.Shipped(t))
	set := redistest.NewSentinel(t, redistest.Security{}.Shipped(t))
	if err := server.Client(t, "admin").Do(t.Context(), "ACL", "SETUSER", "closed", "off", ">"+redistest.Password("closed"), "~*", "+@all").Err(); err != nil {
		t.Fatal(err)
	}
	wrong := func(url, user string) string { return strings.Replace(url, redistest.Password(user), "wrong", 1) }
	for _, test := range []struct{ name, url, says, code string }{
		{"a wrong password", wrong(server.As("worker"), "worker"), `refuses the login of user "worker"`, "WRONGPASS"},
		{"an unknown user", server.As("nobody"), `refuses the login of user "nobody"`, "WRONGPASS"},
		{"a user who is off", server.As("closed"), `refuses the login of user "closed"`, "WRONGPASS"},
		{"a password alone", strings.Replace(server.URL, "://", "://:wrong@", 1), `refuses the login of user "default"`, "WRONGPASS"},
		{"no login", server.URL, "wants a user and a password, and none is given", "NOAUTH"},
		{"a user without the right", server.As("replica"), `lets user "replica" in, but doesn't allow this command`, "NOPERM"},
		{"Sentinel, a wrong password for the servers", wrong(set.As("worker"), "worker"), `refuses the login of user "worker"`, "WRONGPASS"},
		{"Sentinel, a wrong password for the Sentinels", wrong(set.As("worker"), "pilotsync"), "a Sentinel refuses the login, see sentinel_user", "WRONGPASS"},
		{"Sentinel, none for the Sentinels", strings.Split(set.As("worker"), "&")[0], "a Sentinel refuses the login, see sentinel_user", "NOAUTH"},
		{"a database that isn't there", strings.TrimSuffix(server.As("worker"), "/0") + "/99", "has no database of this number", "out of range"},
		{"Cluster", wrong(cluster.As("worker"), "worker"), `refuses the login of user "worker"`, "WRONGPASS"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			client := opened(t, test.url)
			err := client.Get(t.Context(), "pilotsync:x").Err()
			refused, is := AsRefused(client, err)
			if !is || !strings.Contains(refused.Error(), test.says) || !strings.Contains(refused.Error(), test.code) {
				t.Errorf("the error is %v; want %q and %s in it", cmpErr(refused, err), test.says, test.code)
			}
		})
	}
}

func cmpErr(refused *RefusedError, err error) error {
	if refused != nil {
		return refused
	}
	return err
}

func TestOtherErrorsAreNoRefusal(t *testing.T) {
	t.Parallel()
	for _, err := range []error{nil, redis.Nil, errors.New("EOF"), errors.New("OOM command not allowed"), errors.New("LOADING Redis is loading the dataset in memory"),
		errors.New("READONLY You can't write against a read only replica."), errors.New("dial tcp 127.0.0.1:1: connect: connection refused")} {
		if refused, is := AsRefused(opened(t, "redis://u:p@h"), err); is {
			t.Errorf("%v is taken for %v", err, refused)
		}
	}
}

func TestACommandThatAUserMayNotRunNamesTheUser(t *testing.T) {
	t.Parallel()
	client := opened(t, redistest.Shipped(t).As("php"))
	NameUser(client)
	_, single := client.Keys(t.Context(), "*").Result()
	_, pipelined := client.Pipelined(t.Context(), func(p redis.Pipeliner) error {
		p.Time(t.Context())
		p.Keys(t.Context(), "*")
		return nil
	})
	for what, err := range map[string]error{"single": single, "pipelined": fmt.Errorf("list: %w", pipelined)} {
		if err == nil || !strings.Contains(err.Error(), `user "php"`) || !redis.IsPermissionError(err) {
			t.Errorf("%s: %v; want the user's name and Redis's own error", what, err)
		}
	}
	if err := client.Get(t.Context(), "pilotsync:{a}:seq").Err(); !errors.Is(err, redis.Nil) {
		t.Errorf("a key that isn't there: %v, want redis.Nil", err)
	}
}
