package credentials

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/bcrypt"
)

const users = "user default off resetpass allkeys allchannels +@all\nuser admin on +@all\nuser php on +time\nuser worker on ~asynq:*\nuser page on +get\n"

func options() Options {
	return Options{ACL: []byte(users), Redis: "redis:6379", Published: "127.0.0.1:6380", APIKey: "sp-key"}
}

// read returns all files below a folder, by their path in it.
func read(t *testing.T, folder string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := fs.WalkDir(os.DirFS(folder), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(filepath.Join(folder, path))
		files[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func written(t *testing.T, folder string, o Options, want int) map[string]string {
	t.Helper()
	if made, err := Make(folder, o); err != nil || made != want {
		t.Fatalf("%d made, want %d: %v", made, want, err)
	}
	return read(t, folder)
}

func TestEachServiceGetsWhatItTakes(t *testing.T) {
	t.Parallel()
	files := written(t, t.TempDir(), options(), 6) // four users, the page's, Grafana's
	passwords := map[string]bool{files["grafana/password"]: true, files["redis/php-password"]: true}
	for _, user := range []string{"worker", "page"} {
		u, err := url.Parse(files[user+"/redis-url"])
		if err != nil {
			t.Fatal(err)
		}
		password, _ := u.User.Password()
		if got := u.Scheme + " " + u.User.Username() + " " + u.Host + u.Path; got != "redis "+user+" redis:6379/0" {
			t.Errorf("%s has the URL of %s", user, got)
		}
		line := fmt.Sprintf("user %s on #%x ", user, sha256.Sum256([]byte(password)))
		if !strings.Contains(files["redis/users.acl"], line) {
			t.Errorf("there is no %q in:\n%s", line, files["redis/users.acl"])
		}
		passwords[password] = true
	}
	for p := range passwords {
		if len(p) < 20 || len(passwords) != 4 {
			t.Errorf("passwords are short, or used twice: %d of them, one of %d characters", len(passwords), len(p))
		}
	}
	if !strings.HasPrefix(files["redis/users.acl"], "user default off resetpass allkeys allchannels +@all\n") {
		t.Errorf("a user who is off was changed:\n%s", files["redis/users.acl"])
	}
	if files["worker/api-key"] != "sp-key" {
		t.Errorf("the worker's key is %q", files["worker/api-key"])
	}
}

func TestThePageTakesThePasswordThatIsShown(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	line := written(t, folder, options(), 6)["page/users"]
	kept, err := Load(folder)
	if err != nil {
		t.Fatal(err)
	}
	name, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
	hash, role, _ := strings.Cut(rest, ":")
	if err := bcrypt.CompareHashAndPassword([]byte(hash), []byte(kept.Dashboard)); err != nil || name != DashboardUser || role != "act" {
		t.Errorf("user %q, role %q: %v", name, role, err)
	}
	shown := kept.Show()
	for _, want := range []string{"user admin, password " + kept.Dashboard + "\n", "redis://php:" + kept.Redis["php"] + "@127.0.0.1:6380/0\n",
		"redis://admin:" + kept.Redis["admin"] + "@127.0.0.1:6380/0\n", "password " + kept.Grafana + "\n"} {
		if !strings.Contains(shown, want) {
			t.Errorf("%q isn't in:\n%s", want, shown)
		}
	}
	for _, other := range []string{kept.Redis["worker"], kept.Redis["page"], kept.DashboardHash} {
		if strings.Contains(shown, other) {
			t.Errorf("what no person needs is shown:\n%s", shown)
		}
	}
}

func TestASecondTimeChangesNothing(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	first := written(t, folder, options(), 6)
	if diff := cmp.Diff(first, written(t, folder, options(), 0)); diff != "" {
		t.Error(diff)
	}
}

func TestANewListOfUsersTakesEffectWithThePasswordsThatAreThere(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	before := written(t, folder, options(), 6)
	o := options()
	o.ACL = []byte(strings.Replace(users, "+time", "+time +get", 1) + "user backup on +@read\n")
	o.APIKey, o.Redis = "another-key", "redis.example:6379"
	after := written(t, folder, o, 1)
	if want := strings.Replace(before["redis/users.acl"], "+time", "+time +get", 1); !strings.HasPrefix(after["redis/users.acl"], want+"user backup on #") {
		t.Errorf("%s\nbecame\n%s", before["redis/users.acl"], after["redis/users.acl"])
	}
	if want := strings.Replace(before["worker/redis-url"], "redis:6379", "redis.example:6379", 1); after["worker/redis-url"] != want || after["worker/api-key"] != "another-key" {
		t.Errorf("the worker has %q and %q, want %q", after["worker/redis-url"], after["worker/api-key"], want)
	}
}

func TestWhatIsSecretIsForItsServiceAloneToRead(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for name := range written(t, folder, options(), 6) {
		want := fs.FileMode(0o400)
		if strings.HasPrefix(name, "redis/") || strings.HasPrefix(name, "grafana/") {
			want = 0o444 // those run as users of their own
		}
		info, err := os.Stat(filepath.Join(folder, name))
		if err != nil || info.Mode() != want {
			t.Errorf("%s: %v, want %v (%v)", name, info.Mode(), want, err)
		}
	}
}

func TestWhatIsWrongIsSaidAndNothingIsWritten(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*Options)
		want   string
	}{
		"a user is missing":     {func(o *Options) { o.ACL = []byte(strings.Replace(users, "user page on +get\n", "", 1)) }, "user page on"},
		"default has no line":   {func(o *Options) { o.ACL = []byte(users[strings.Index(users, "\n")+1:]) }, "any client gets in"},
		"default has no rights": {func(o *Options) { o.ACL = []byte(strings.Replace(users, "allchannels +@all", "allchannels -@all", 1)) }, "a restart of Redis loses data"},
		"a user is off":         {func(o *Options) { o.ACL = []byte(strings.Replace(users, "page on", "page off", 1)) }, "user page on"},
		"any password is let":   {func(o *Options) { o.ACL = []byte(strings.Replace(users, "php on", "php on nopass", 1)) }, "nopass"},
		"a key with a space":    {func(o *Options) { o.APIKey = "two words" }, "API key"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o, folder := options(), t.TempDir()
			c.change(&o)
			if _, err := Make(folder, o); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "two words") {
				t.Errorf("%v; want %q in it, and no key", err, c.want)
			}
			if files := read(t, folder); len(files) > 0 {
				t.Errorf("there are %v", files)
			}
		})
	}
}

func TestPasswordsThatCantBeReadAreNotReplaced(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	kept := filepath.Join(folder, keptFile)
	if err := os.MkdirAll(filepath.Dir(kept), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(kept, []byte(`{"redis": {"php"`), 0o400); err != nil {
		t.Fatal(err)
	}
	if _, err := Make(folder, options()); err == nil || !strings.Contains(err.Error(), kept) {
		t.Errorf("%v; want the file's name", err)
	}
	if files := read(t, folder); len(files) != 1 {
		t.Errorf("there are %v", files)
	}
}
