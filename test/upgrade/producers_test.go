package upgrade

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"testing"

	"pilotsync/enqueue"
)

// producer enqueues changes of an app: additions, or removals.
type producer func(ctx context.Context, app string, remove bool, domains []string) ([]receipt, error)

// producers are all that may enqueue changes during an upgrade: command line and PHP library of
// both releases, and a Go program.
func (f *fixture) producers() map[string]producer {
	present, err := filepath.Abs("../..")
	if err != nil {
		f.t.Fatal(err)
	}
	return map[string]producer{
		"previous command line": f.commandLine(built.previous), "present command line": f.commandLine(built.present),
		"previous PHP": f.php(built.source), "present PHP": f.php(present),
		"Go": f.goClient,
	}
}

func (f *fixture) goClient(ctx context.Context, app string, remove bool, domains []string) ([]receipt, error) {
	var reqs []enqueue.Request
	for _, d := range domains {
		req := enqueue.Request{AppID: app, Domain: d, Remove: remove}
		if !remove {
			req.Attempts = 7 // which the previous release ignores
		}
		reqs = append(reqs, req)
	}
	got, err := f.client.Enqueue(ctx, reqs...)
	var receipts []receipt
	for _, r := range got {
		receipts = append(receipts, receipt{r.AppID, r.Domain, r.Seq, remove})
	}
	return receipts, err
}

func (f *fixture) commandLine(program string) producer {
	return func(_ context.Context, app string, remove bool, domains []string) ([]receipt, error) {
		kind := "add"
		if remove {
			kind = "remove"
		}
		args := []string{"enqueue", kind, "--json", "--app", app}
		if remove && program != built.previous { // which never asks for confirmation
			args = append(args, "--yes")
		}
		out, says, code := f.run(program, append(args, domains...)...)
		if code != 0 {
			return nil, fmt.Errorf("exit code %d: %s", code, says)
		}
		var got []struct {
			Domain string `json:"domain"`
			Seq    int64  `json:"seq"`
		}
		err := json.Unmarshal([]byte(out), &got)
		var receipts []receipt
		for _, r := range got {
			receipts = append(receipts, receipt{app, r.Domain, r.Seq, remove})
		}
		return receipts, err
	}
}

// php is the PHP library in a source tree.
func (f *fixture) php(source string) producer {
	return func(ctx context.Context, app string, remove bool, domains []string) ([]receipt, error) {
		type request struct {
			Domain string `json:"domain"`
			Remove bool   `json:"remove"`
		}
		var reqs []request
		for _, d := range domains {
			reqs = append(reqs, request{d, remove})
		}
		in, err := json.Marshal(reqs)
		if err != nil {
			return nil, err
		}
		cmd := exec.CommandContext(ctx, "php", filepath.Join(source, "enqueue/php/tests/scripts/enqueue.php"), f.redis.As("php"), app)
		var out, says bytes.Buffer
		cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(in), &out, &says
		if err := cmd.Run(); err != nil {
			return nil, fmt.Errorf("%w: %s%s", err, out.Bytes(), says.Bytes())
		}
		var receipts []receipt
		var got []struct {
			Domain string
			Seq    int64
		}
		err = json.Unmarshal(out.Bytes(), &got)
		for _, r := range got {
			receipts = append(receipts, receipt{app, r.Domain, r.Seq, remove})
		}
		return receipts, err
	}
}

// produce has one producer enqueue random changes until stop is closed.
func (f *fixture) produce(send producer, name string, want *workload, random *rand.Rand, stop <-chan struct{}) {
	for {
		app, remove := f.apps[random.IntN(len(f.apps))], random.IntN(3) == 0
		domains := make([]string, 1+random.IntN(4))
		first := random.IntN(20)
		for i := range domains {
			domains[i] = fmt.Sprintf("shop%d.example.com", (first+i)%20)
		}
		receipts, err := send(f.t.Context(), app, remove, domains)
		if err == nil && len(receipts) != len(domains) {
			err = fmt.Errorf("it has %d receipts for %d changes", len(receipts), len(domains))
		}
		if err != nil {
			f.t.Errorf("%s: %v", name, err)
			return
		}
		want.note(receipts...)
		select {
		case <-stop:
			return
		case <-f.t.Context().Done():
			return
		case <-randomly(random):
		}
	}
}

// needPHP skips the test where PHP's producer can't run, and says what is missing.
func needPHP(t *testing.T) {
	t.Helper()
	if out, err := exec.Command("php", "-r", `exit(extension_loaded("redis") && extension_loaded("intl") ? 0 : 1);`).CombinedOutput(); err != nil {
		t.Skipf("needs php with its extensions redis and intl (Debian: php-cli, php-redis, php-intl): %v\n%s", err, out)
	}
}
