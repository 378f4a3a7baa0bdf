package doctor

import (
	"slices"
	"strings"
	"testing"

	"pilotsync/internal/config"
	"pilotsync/test/redistest"
)

func TestHowProducersMayEnqueueIsChecked(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		setUp  string // command of admin
		user   string
		status Status
		says   string // in the detail or the remedy
	}{
		{"as shipped", "", "worker", OK, "has the functions with which producers enqueue"},
		{"no worker has loaded the functions", "FUNCTION FLUSH", "worker", Failure, "lacks 3 functions"},
		{"an ACL file of an earlier release", "ACL SETUSER php +eval +evalsha", "worker", Warning, "whoever has its login can stop Redis"},
		{"without the user php", "ACL DELUSER php", "worker", OK, "has the functions"},
		{"without the user php, nor functions", "MULTI;FUNCTION FLUSH;ACL DELUSER php;EXEC", "worker", OK, "producers run scripts; a worker loads"},
		{"the worker's line of before", "ACL SETUSER worker -function|list -function|load", "worker", Warning, "+function|list"},
		{"a dashboard's login", "", "page", OK, "NOPERM"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server := redistest.Shipped(t)
			admin := server.Client(t, "admin").Conn()
			defer admin.Close()
			for command := range strings.SplitSeq(test.setUp, ";") {
				var words []any
				for _, word := range strings.Fields(command) {
					words = append(words, word)
				}
				if len(words) == 0 {
					continue
				}
				if err := admin.Do(t.Context(), words...).Err(); err != nil {
					t.Fatal(err)
				}
			}
			results := checkRedis(t.Context(), config.Redis{Client: server.Client(t, test.user), Shown: "redis"})
			i := slices.IndexFunc(results, func(r Result) bool { return r.Check == CheckFunctions })
			if i < 0 {
				t.Fatalf("no such check: %+v", results)
			}
			want{test.status, test.says}.check(t, Result{Check: results[i].Check, Status: results[i].Status, Detail: results[i].Detail + " " + results[i].Remedy, Remedy: results[i].Remedy})
		})
	}
}
