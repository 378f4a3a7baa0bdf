package simulator

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestOptionsOutOfRangeAreNamed(t *testing.T) {
	t.Parallel()
	for want, opt := range map[string]Options{
		"delay of actions is -1s":    {ActionDelay: -time.Second},
		"status is 200":              {AccountStatus: 200},
		"status is 600":              {Apps: []App{{ID: "a", Status: 600}}},
		`oddity is "drop"`:           {Undocumented: Undocumented{Duplicates: "drop"}},
		"stale reads last -1s":       {Undocumented: Undocumented{StaleReads: -time.Second}},
		"action-error is 2":          {Faults: Faults{ActionError: 2}},
		"ssl-action-error is -1":     {Faults: Faults{SSLActionError: -1}},
		`app id "a" is empty or giv`: {Apps: []App{{ID: "a"}, {ID: "a"}}},
	} {
		if _, err := Start(opt); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v; want one with %s", err, want)
		}
	}
}

func TestStatusesCanBeThereFromTheStart(t *testing.T) {
	t.Parallel()
	s := startSimulator(t, Options{Apps: []App{{ID: "protected", Status: 403}, {ID: "deleted", Status: 404}, {ID: "healthy"}}})
	for app, want := range map[string]int{"protected": 403, "deleted": 404, "healthy": 200} {
		if got := call(t, s, http.MethodGet, "/apps/"+app, ""); got.status != want {
			t.Errorf("app %s: status %d, want %d", app, got.status, want)
		}
	}
	unpaid := startSimulator(t, Options{AccountStatus: 402})
	if got := call(t, unpaid, http.MethodGet, "/apps", ""); got.status != 402 || got.Error.Message == "" {
		t.Errorf("without payment: %d %s", got.status, got.raw)
	}
}

func TestAUserHasAtMostAsManyKeysAsDocumented(t *testing.T) {
	t.Parallel()
	s := startSimulator(t, Options{})
	user := s.servers.get("server1").sysUserID
	for i := range maxKeysOfUser + 1 {
		key := call(t, s, http.MethodPost, "/sshkeys", fmt.Sprintf(`{"name": "key %d", "public_key": "ssh-rsa AAAA%04d"}`, i, i))
		var data struct{ ID string }
		if err := unmarshal(key, &data); err != nil {
			t.Fatal(err)
		}
		got := call(t, s, http.MethodPost, "/sysusers/"+user+"/sshkeys", fmt.Sprintf(`{"sshkey_id": %q}`, data.ID))
		if want := i < maxKeysOfUser; (got.status == 200) != want {
			t.Fatalf("key %d: %d %s", i+1, got.status, got.raw)
		}
	}
}

// What one account creates, another sees only if it has everything.
func TestAnAccountHasWhatItCreates(t *testing.T) {
	t.Parallel()
	s := startSimulator(t, Options{
		Apps: []App{{ID: "app1"}, {ID: "app2", ServerID: "server2"}},
		Accounts: []Account{
			{ClientID: "sim", APIKey: "sim-key", Apps: []string{"app1"}},
			{ClientID: "other", APIKey: "k", Apps: []string{"app2"}},
			{ClientID: "all", APIKey: "k"},
		},
	})
	created := map[string]string{} // its path, by kind
	for kind, body := range map[string]string{
		"servers": `{"name": "www"}`,
		"sshkeys": `{"name": "laptop", "public_key": "ssh-rsa AAAA"}`,
		"dbs":     `{"appid": "app1", "name": "db1", "user": {"name": "u", "password": "12345678"}}`,
		"apps":    fmt.Sprintf(`{"name": "gallery", "sysuserid": %q, "runtime": "php8.3"}`, s.servers.get("server1").sysUserID),
	} {
		var data struct{ ID string }
		if err := unmarshal(call(t, s, http.MethodPost, "/"+kind, body), &data); err != nil {
			t.Fatal(kind, err)
		}
		created[kind] = "/" + kind + "/" + data.ID
	}
	for client, want := range map[string]int{"sim": 200, "other": 404, "all": 200} {
		for kind, path := range created {
			r := request(t, s, http.MethodGet, path, "")
			if client != "sim" {
				r.SetBasicAuth(client, "k")
			}
			if got := send(r); got.status != want {
				t.Errorf("%s gets %d for what sim created in %s, want %d", client, got.status, kind, want)
			}
			list := request(t, s, http.MethodGet, "/"+kind, "")
			if client != "sim" {
				list.SetBasicAuth(client, "k")
			}
			id := path[strings.LastIndex(path, "/")+1:]
			if got := send(list); strings.Contains(got.raw, `"`+id+`"`) != (want == 200) {
				t.Errorf("%s lists %s: %s", client, kind, got.raw)
			}
		}
	}
}
