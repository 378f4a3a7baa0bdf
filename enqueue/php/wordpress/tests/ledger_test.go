//go:build wordpress

package wordpress

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/test/harness"
	"pilotsync/test/redistest"
	"pilotsync/worker/ledger"
)

// TestTheNetworkRecoversFromALostLedger runs the processes of an installation: Redis with the
// shipped files and users, two workers, and the network. Redis is emptied during changes, and
// everything recovers automatically.
func TestTheNetworkRecoversFromALostLedger(t *testing.T) {
	harness.Long(t)
	// Domains that are done before the loss, and those that are mapped during it. With their
	// site's name they fill an app's list.
	const before, under = 279, 20
	secret := "whsec_" + base64.StdEncoding.EncodeToString([]byte("the secret of the present 012345"))
	server := redistest.Shipped(t)
	f := &fixture{redis: server, rdb: server.Client(t, "worker"), seen: map[string]bool{}}
	f.network = newNetwork(t, server.As("php"), secret)
	var err error
	if f.sim, err = simulator.Start(simulator.Options{CertDelay: 100 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.sim.Close)
	f.do(step{"make_site", "two.network.example.net"}, step{"option", "fake_setting_auto_create_www_subdomain", "never"}, step{"activate"})
	startWorkers(f, secret)

	name := func(i int) string { return fmt.Sprintf("n%d.example.com", i) }
	var names []string
	var steps []step
	for i := range before {
		names = append(names, name(i))
		steps = append(steps, step{"map", name(i)})
	}
	f.do(steps...)
	ends := func(s state) bool {
		return !slices.ContainsFunc(names, func(name string) bool { return s.Domains[name] != "done secure" })
	}
	harness.AwaitTrue(f.t, "all domains to be done", func() bool { return ends(f.do()) })
	if first := f.storedLedger(); first == "" {
		t.Fatal("the plugin hasn't stored the ledger")
	}

	var load errgroup.Group
	for i := range under {
		names = append(names, name(before+i))
		load.Go(func() error {
			for _, steps := range [][]step{{{"map", name(before + i)}}, {{"queue"}}} {
				body, err := json.Marshal(steps)
				if err != nil {
					return err
				}
				resp, err := http.Post(f.url+"/?test", "application/json", bytes.NewReader(body))
				if err != nil {
					return err
				}
				if err := resp.Body.Close(); err != nil {
					return err
				}
			}
			return nil
		})
	}
	admin := server.Client(t, "admin")
	harness.AwaitTrue(f.t, "some of the changes to be listed", func() bool { return len(f.sim.List(app)) > before+3 })
	if err := admin.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	if err := load.Wait(); err != nil {
		t.Fatal(err)
	}

	l := ledger.New(f.rdb)
	// It takes up to 15 s until the loss is noticed, 30 s without writes, and 600 events
	// through PHP's own web server.
	harness.AwaitTrue(f.t, "all domains to be done again, for pilotsync and for WordPress", func() bool {
		s := f.do()
		for i, name := range names {
			// Served sites must stay served.
			if stage := s.Domains[name]; i < before && stage != "done secure" {
				t.Fatalf("%s is in stage %q after the loss", name, stage)
			}
		}
		if got := f.visit("https://" + name(7)); got != "served" {
			t.Fatalf("a visitor of %s gets %q", name(7), got)
		}
		views, err := l.Domains(t.Context(), app)
		if err != nil {
			t.Fatal(err)
		}
		done := map[string]bool{}
		for _, v := range views {
			done[v.Domain] = v.State == tasks.Done
		}
		for _, name := range names {
			if !done[name] || s.Domains[name] != "done secure" {
				return false
			}
		}
		return true
	})
	for _, i := range []int{0, before - 1, before, before + under - 1} {
		f.wantVisit("https://"+name(i), "served")
	}
	for _, write := range f.sim.History(app) {
		for _, name := range write.Before {
			if !slices.Contains(write.After, name) {
				t.Errorf("write %d removed %s from the list", write.Index, name)
			}
		}
	}
	harness.AwaitTrue(f.t, "the handover to be recorded", func() bool {
		loss, err := l.Loss(t.Context())
		return err == nil && !loss.At.IsZero() && len(loss.Waiting) == 0
	})
	// Each domain must be imported once.
	handed := map[string]int{}
	for _, text := range f.sent() {
		if kind, rest, _ := strings.Cut(text, " "); kind == "adopt" {
			handed[strings.Fields(rest)[0]]++
		}
	}
	for name, n := range handed {
		if n != 1 {
			t.Errorf("%s was handed over %d times", name, n)
		}
	}
	f.do(step{"do_action", "pilotsync_hourly"})
	lost := 0
	for _, m := range f.mails() {
		if strings.HasSuffix(m.Subject, "] pilotsync lost its ledger") {
			lost++
		}
	}
	if lost != 1 {
		t.Errorf("%d e-mails report the lost ledger; want one", lost)
	}
	if out, err := f.cli("test"); err != nil {
		t.Errorf("wp pilotsync test prints %q (%v)", out, err)
	}
	if denied := admin.ACLLog(t.Context(), 10).Val(); slices.ContainsFunc(denied, func(e *redis.ACLLogEntry) bool { return e.Object != "scan" }) {
		t.Errorf("denied: %+v", denied)
	}
	if lines := f.phpErrors(); lines != nil {
		t.Errorf("PHP complained:\n%s", strings.Join(lines, ""))
	}
}

// startWorkers starts two workers as processes.
func startWorkers(f *fixture, secret string) {
	f.t.Helper()
	settings, err := harness.Settings(f.folder, f.sim, f.redis.As("worker"), app)
	if err != nil {
		f.t.Fatal(err)
	}
	settings = append(settings, "PILOTSYNC_SSL_DELAYS=1s,1s,1s,2s,4s",
		"PILOTSYNC_WEBHOOK_URL="+f.url+"/wp-json/pilotsync/v1/webhook", "PILOTSYNC_WEBHOOK_SECRET="+secret)
	for range 2 {
		worker := exec.Command(harness.Program(f.t), "worker")
		worker.Env = append(slices.Clone(f.env), settings...)
		harness.Start(f.t, worker)
	}
}

// storedLedger is the ledger's identity that the plugin has stored.
func (n *network) storedLedger() string {
	n.t.Helper()
	return n.do(step{"remembered_ledger"}).Output
}
