package worker

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pilotsync/internal/quota"
	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/worker/certcheck"
)

func TestOnlySomeVerificationsWaitLongForNameServers(t *testing.T) {
	t.Parallel()
	const name = "www.silent.example.com"
	sim, err := simulator.Start(simulator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	sim.SetBehaviour(name, simulator.Behaviour{DNSSilent: true})
	r, _ := limitedRegistry(t, 20, 1)
	checker := certcheck.New(certcheck.Config{DNS: sim.DNSAddr(), AllowPrivate: true, Timeout: 9 * time.Second})
	c := &collector{registry: r, checker: checker, patience: quota.New(2, 1)}
	ended := make(chan string, 4)
	var all sync.WaitGroup
	for _, test := range []struct {
		label string
		v     tasks.Verify
	}{
		{"without an answer before", tasks.Verify{AppID: "app1", Unanswered: true}},
		{"new", tasks.Verify{AppID: "app1"}}, {"new", tasks.Verify{AppID: "app1"}}, // an app has one place
		{"a recheck", tasks.Verify{AppID: "app2", Unanswered: true, Recheck: true}},
	} {
		all.Go(func() {
			c.probe(t.Context(), test.v, certcheck.Facts{Domain: name, Names: []string{name}, Probes: map[string]certcheck.Probe{}})
			ended <- test.label
		})
	}
	all.Wait()
	early, late := []string{<-ended, <-ended}, []string{<-ended, <-ended}
	slices.Sort(early)
	slices.Sort(late)
	if diff := cmp.Diff([][]string{{"new", "without an answer before"}, {"a recheck", "new"}}, [][]string{early, late}); diff != "" {
		t.Errorf("those that end early, and the others (-want +got):\n%s", diff)
	}
}
