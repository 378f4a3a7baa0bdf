package config

import (
	"testing"

	"github.com/alecthomas/kong"
)

func TestWebSettingsNeedNoAccount(t *testing.T) {
	t.Parallel()
	parse := func(env vars) (Web, error) {
		var settings WebSettings
		parser, err := kong.New(&settings, NewEnvironment(env.Lookup).Options()...)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parser.Parse(nil); err != nil {
			t.Fatal(err)
		}
		set, err := settings.Parse(files{}.read)
		t.Cleanup(set.Redis.Close)
		return set, err
	}
	for _, env := range []vars{{}, {"CREDENTIALS_DIRECTORY": "/run/credentials/web"}} {
		if set, err := parse(env); err != nil || set.Accounts != nil || set.Dashboard.Listen != "127.0.0.1:8080" {
			t.Errorf("without an account: %v, %+v", err, set)
		}
	}
	if set, err := parse(account); err != nil || len(set.Accounts) != 1 || set.Accounts[0].ClientID != "cid" {
		t.Errorf("with an account: %v, %+v", err, set)
	}
	for _, test := range []struct {
		env  vars
		want string
	}{
		{vars{"WU_SERVER_PILOT_APP_ID": "app1", "WU_SERVER_PILOT_CLIENT_ID": "c"}, "WU_SERVER_PILOT_API_KEY (--api-key) is not set; it takes the API key of the account"},
		{vars{"PILOTSYNC_LISTEN": "off"}, `PILOTSYNC_LISTEN (--listen) is "off"; without a dashboard there is nothing to serve; it takes host:port, such as 127.0.0.1:8080`},
		{vars{"PILOTSYNC_LISTEN": ":1"}, `PILOTSYNC_LISTEN (--listen) is ":1"; without a login (PILOTSYNC_AUTH) it takes a loopback address only, such as 127.0.0.1:8080, or off`},
	} {
		if _, err := parse(test.env); err == nil || err.Error() != test.want {
			t.Errorf("%v: error is %v\nwant %s", test.env, err, test.want)
		}
	}
}

func TestSettingsListsEachDefinitionOnce(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, s := range Settings() {
		if s.Flag == "" || s.Group == "" || s.Help == "" || FlagOf(s.Variable) != s.Flag || seen[s.Variable] {
			t.Errorf("%+v", s)
		}
		seen[s.Variable] = true
	}
	if len(seen) < 30 || seen["CREDENTIALS_DIRECTORY"] || !seen["REDIS_URL_FILE"] {
		t.Errorf("%d settings: %v", len(seen), seen)
	}
}
