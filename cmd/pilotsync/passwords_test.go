package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestPasswordsAreMadeOnceAndShown(t *testing.T) {
	t.Parallel()
	folder, key := t.TempDir(), filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte("sp-key\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := vars{}
	run := func() output {
		return command(t, env, "", "passwords", "make", "--folder="+folder, "--acl=../../deployments/redis/users.acl", "--published=127.0.0.1:6380", "--api-key-file="+key)
	}
	first := run()
	shown := command(t, env, "", "passwords", "show", "--folder="+folder)
	if first.code != exitDone || shown.code != exitDone || !regexp.MustCompile(`^[1-9][0-9]* passwords were made`).MatchString(first.out) || !strings.Contains(shown.out, "@127.0.0.1:6380/0\n") {
		t.Fatalf("%+v\n%+v", first, shown)
	}
	if !strings.Contains(first.out, "The files are for volumes") {
		t.Errorf("it doesn't say what the files are for: %s", first.out)
	}
	if again := run(); !strings.HasPrefix(again.out, "0 passwords were made") {
		t.Errorf("the second time: %+v", again)
	}
	if again := command(t, env, "", "passwords", "show", "--folder="+folder); again != shown {
		t.Errorf("shown first\n%s\nand then\n%s", shown.out, again.out)
	}
	command(t, vars{"WU_SERVER_PILOT_API_KEY": "another-key"}, "", "passwords", "make", "--folder="+folder, "--acl=../../deployments/redis/users.acl")
	if blank := command(t, vars{"WU_SERVER_PILOT_API_KEY": "  "}, "", "passwords", "make", "--folder="+folder, "--acl=../../deployments/redis/users.acl"); blank.code != exitUsage || !strings.Contains(blank.err, "blank") {
		t.Errorf("with a blank key: %+v", blank)
	}
	if handed, err := os.ReadFile(filepath.Join(folder, "worker/api-key")); err != nil || string(handed) != "another-key" {
		t.Errorf("with the key as a variable the worker has %q (%v)", handed, err)
	}
}

func TestPasswordsSayWhichValueIsWrong(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args []string
		code int
		want string
	}{
		"no list of users": {[]string{"make", "--acl=nowhere.acl"}, exitUsage, "nowhere.acl"},
		"no key":           {[]string{"make", "--acl=../../deployments/redis/users.acl", "--api-key-file=nowhere.key"}, exitUsage, "nowhere.key"},
		"a port alone":     {[]string{"make", "--acl=../../deployments/redis/users.acl", "--published=6380"}, exitUsage, `--published is "6380"; it takes host:port`},
		"no host":          {[]string{"make", "--acl=../../deployments/redis/users.acl", "--redis=:6379"}, exitUsage, `--redis is ":6379"; it takes host:port`},
		"nothing to show":  {[]string{"show"}, exitFailed, "no passwords were made"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := command(t, vars{}, "", append(append([]string{"passwords"}, c.args...), "--folder="+t.TempDir())...)
			if got.code != c.code || !strings.Contains(got.err, c.want) {
				t.Errorf("%+v; want code %d and %q", got, c.code, c.want)
			}
		})
	}
}
