package npmclient

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pilotsync/internal/simulator"
)

func account() simulator.Account { return simulator.Account{ClientID: "npm", APIKey: "npm-key"} }

// The client's own tests are of 2014. They create servers, system users, apps with certificates,
// and databases, and expect what ServerPilot answered then.
func TestTheClientsOwnTestsPass(t *testing.T) {
	t.Parallel()
	sim := start(t, simulator.Options{Runtimes: []string{"php5.5", "php5.6"}, Undocumented: simulator.Undocumented{Strict: true}})
	tests, err := filepath.Glob("node_modules/serverpilot/test/*.js")
	if err != nil {
		t.Fatal(err)
	}
	cmd := Command(t, sim, account(), append([]string{"node_modules/mocha/bin/_mocha", "--timeout", "60000", "--reporter", "json"}, tests...)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	runErr := cmd.Run()
	var report struct {
		Stats    struct{ Passes, Failures int }
		Failures []struct {
			FullTitle string
			Err       struct{ Message string }
		}
	}
	if err := json.Unmarshal(out.Bytes(), &report); err != nil {
		t.Fatalf("%v (%v)\n%s%s", err, runErr, &out, &errs)
	}
	for _, f := range report.Failures {
		t.Errorf("%s: %s", f.FullTitle, f.Err.Message)
	}
	if runErr != nil || report.Stats.Passes < 60 {
		t.Errorf("%d tests passed (%v)\n%s", report.Stats.Passes, runErr, &errs)
	}
	for _, call := range []simulator.Call{
		simulator.CreateServer, simulator.UpdateServer, simulator.DeleteServer, simulator.CreateSysUser, simulator.UpdateSysUser, simulator.DeleteSysUser,
		simulator.CreateApp, simulator.WriteList, simulator.WriteSSL, simulator.DeleteSSL, simulator.DeleteApp,
		simulator.CreateDatabase, simulator.UpdateDatabase, simulator.DeleteDatabase,
	} {
		if sim.Calls("", call) == 0 {
			t.Errorf("they made no call %s", call)
		}
	}
}

// The client passes ServerPilot's messages on, and needs the documented form of errors for it.
func TestTheClientUnderstandsErrors(t *testing.T) {
	t.Parallel()
	opt := simulator.Options{Apps: []simulator.App{{ID: "healthy"}}}
	for _, status := range []int{402, 403, 404, 409, 500} {
		opt.Apps = append(opt.Apps, simulator.App{ID: fmt.Sprint(status), Status: status})
	}
	cmd := Command(t, start(t, opt), account(), "--eval", `
		const client = new (require('serverpilot'))({ clientId: process.env.SP_CLIENT_ID, apiKey: process.env.SP_API_KEY });
		const update = ([appId, name, ...rest]) => appId && client.updateApp({ appId, domains: [name] }, (err, answer) => {
			console.log(err ? err.message : answer.data.domains[0]);
			update(rest);
		});
		update(process.argv.slice(1));`,
		"healthy", "new.example.com", "healthy", "not_valid", "402", "a.example.com", "403", "a.example.com",
		"404", "a.example.com", "409", "a.example.com", "500", "a.example.com")
	out, err := cmd.CombinedOutput()
	want := `new.example.com
"not_valid" is not a valid domain.
App "402": Payment Required.
App "403": Forbidden.
App "404": Not Found.
App "409": Conflict.
App "500": Internal Server Error.
`
	if diff := cmp.Diff(want, string(out)); err != nil || diff != "" {
		t.Errorf("%v, output (-want +got):\n%s", err, diff)
	}
}

func start(t *testing.T, opt simulator.Options) *simulator.Simulator {
	t.Helper()
	opt.Accounts = []simulator.Account{account()}
	sim, err := simulator.Start(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	return sim
}
