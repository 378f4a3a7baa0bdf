package worker_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sirupsen/logrus"

	"pilotsync/enqueue"
	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/test/harness"
)

// logLines are those of a JSON log.
func logLines(t *testing.T, log *harness.Log) (all []map[string]any) {
	t.Helper()
	for line := range strings.Lines(log.String()) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		all = append(all, fields)
	}
	return all
}

func TestAllLogLinesOfAChangeHaveTheIDOfItsTask(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{})
	cfg := f.config("app1")
	var log harness.Log
	cfg.Log.SetOutput(&log)
	cfg.Log.SetFormatter(&logrus.JSONFormatter{})
	site := newReceiver(t)
	cfg.Webhook = target(t, site.URL, oldSecret, newSecret)
	receipts, err := f.client.Enqueue(t.Context(), enqueue.Request{AppID: "app1", Domain: "www.shop.example.com"},
		enqueue.Request{AppID: "app1", Domain: "www.refused.example.com"}, enqueue.Request{AppID: "app1", Domain: "nodns.example.com"})
	if err != nil {
		t.Fatal(err)
	}
	f.start(cfg)
	f.awaitState("app1", "www.shop.example.com", tasks.Done)
	f.awaitState("app1", "nodns.example.com", tasks.Failed)
	// The number of attempts until the certificate is ready varies, and so does the number
	// of events.
	ends := func(domain string, with tasks.State) func() bool {
		return func() bool {
			way := site.states(domain)
			return len(way) > 1 && way[0] == tasks.CheckingDNS && way[len(way)-1] == with
		}
	}
	f.await("the webhook got the event of the addition", ends("www.shop.example.com", tasks.Done))
	f.await("the webhook got the event of the failure", ends("nodns.example.com", tasks.Failed))
	attempts, told := f.view("app1", "www.shop.example.com").Record.Attempt, len(site.states("www.shop.example.com"))
	removal, err := f.client.Enqueue(t.Context(), enqueue.Request{AppID: "app1", Domain: "www.shop.example.com", Remove: true})
	if err != nil {
		t.Fatal(err)
	}
	f.await("the webhook got the event of the removal", ends("www.shop.example.com", tasks.Removed))

	// The kinds of lines of a change. Their order varies, since events are delivered while
	// the next step runs.
	follow := func(id string) map[string]int {
		kinds := map[string]int{}
		for _, line := range logLines(t, &log) {
			if line["change"] != id {
				continue
			}
			kind, _, _ := strings.Cut(line["msg"].(string), ":")
			if outcome, settled := line["outcome"]; settled {
				kind += " as " + outcome.(string)
			}
			kinds[kind]++
		}
		return kinds
	}
	for _, tt := range []struct {
		change, id string
		want       map[string]int
	}{
		{"an addition", receipts[0].TaskID, map[string]int{"change recorded": 1, "change settled as listed": 1, "verified": attempts, "event delivered": told}},
		{"a refused addition", receipts[1].TaskID, map[string]int{"change recorded": 1, "change settled as rejected": 1, "event delivered": 1}},
		{"one that fails", receipts[2].TaskID, map[string]int{"change recorded": 1, "change settled as listed": 1, "verified": 3, "event delivered": 2}},
		{"a removal", removal[0].TaskID, map[string]int{"change recorded": 1, "change settled as removed": 1, "event delivered": 1}},
	} {
		var diff string
		deadline := time.Now().Add(time.Minute) // a line is written after what it tells
		for diff = "?"; diff != "" && time.Now().Before(deadline); <-time.After(20 * time.Millisecond) {
			diff = cmp.Diff(tt.want, follow(tt.id))
		}
		if diff != "" {
			t.Errorf("lines of %s, %s (-want +got):\n%s\n%s", tt.change, tt.id, diff, log.String())
		}
	}
	lines := 0
	for _, line := range logLines(t, &log) {
		if domain, of := line["domain"]; of {
			for _, field := range []string{"app", "seq", "task_id", "change"} {
				if line[field] == nil || line[field] == "" {
					t.Errorf("a line about %s lacks %s: %v", domain, field, line)
				}
			}
		}
		if line["attempt"] != nil {
			lines++
		}
	}
	if lines != attempts+3 {
		t.Errorf("%d lines have an attempt, want %d", lines, attempts+3)
	}
}
