package dashboard

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sirupsen/logrus"
	"golang.org/x/crypto/bcrypt"
)

// hashOf returns a bcrypt hash of the lowest cost, spelled as by htpasswd -B.
func hashOf(t *testing.T, password string) string {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return "$2y" + strings.TrimPrefix(string(hash), "$2a")
}

// testUsers returns the users viewer, with view-password, and actor, with act-password.
func testUsers(t *testing.T) *Users {
	t.Helper()
	users, err := ParseUsers([]byte("# users of the test\n\nviewer:" + hashOf(t, "view-password") + "\r\nactor:" + hashOf(t, "act-password") + ":act\n"))
	if err != nil {
		t.Fatal(err)
	}
	return users
}

func TestAPasswordFileHasUsersAndRoles(t *testing.T) {
	t.Parallel()
	hash := hashOf(t, "p")
	users, err := ParseUsers([]byte("\ufeffada:" + hash + "\njürgen groß:" + hash + ":view\nmay:" + hash + ":act"))
	if err != nil {
		t.Fatal(err)
	}
	var got []User
	for _, a := range users.file.Load().users {
		got = append(got, a.User)
	}
	if diff := cmp.Diff([]User{{"ada", View}, {"jürgen groß", View}, {"may", Act}}, got); diff != "" {
		t.Errorf("users (-want +got):\n%s", diff)
	}
}

func TestReplaceInvalidatesTheOldPasswords(t *testing.T) {
	t.Parallel()
	users := testUsers(t)
	check := func(name, password string, want Role) {
		t.Helper()
		got, wait, err := users.check(t.Context(), "192.0.2.1", name, password)
		if got.Role != want || wait != 0 || (err == nil) != (want != 0) {
			t.Errorf("%s with %s: %+v, wait %s, %v; want role %v", name, password, got, wait, err, want)
		}
	}
	check("viewer", "view-password", View)
	check("actor", "act-password", Act)
	by, err := ParseUsers([]byte("bob:" + hashOf(t, "bob-password") + ":act\nactor:" + hashOf(t, "new-password") + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	users.Replace(by)
	check("viewer", "view-password", 0)
	check("actor", "act-password", 0)
	check("actor", "new-password", View)
	check("bob", "bob-password", Act)
}

func TestAnInvalidPasswordFileNamesUserAndRule(t *testing.T) {
	t.Parallel()
	good := hashOf(t, "p")
	const bcryptRule = `no bcrypt hash; it takes one as htpasswd -B writes it, and no other kind`
	for _, test := range []struct{ name, content, want string }{
		{"no users", "# no users\n", "it has no users; it takes lines as htpasswd -B writes them"},
		{"MD5", "ada:$apr1$secrethash$x", `line 1: user "ada" has ` + bcryptRule},
		{"SHA-1", "ada:{SHA}secrethash=", `line 1: user "ada" has ` + bcryptRule},
		{"a plain password", "\nada:secrethash", `line 2: user "ada" has ` + bcryptRule},
		{"no hash", "ada:", `line 1: user "ada" has ` + bcryptRule},
		{"a truncated hash", "ada:" + good[:59], `line 1: user "ada" has ` + bcryptRule},
		{"a hash of a high cost", "ada:$2y$15" + good[6:], `line 1: user "ada" has a bcrypt hash of cost 15; it takes 14 at most (htpasswd -B -C)`},
		{"an unknown role", "ada:" + good + ":secrethash", `line 1: user "ada" has an unknown role; it takes view or act after the hash`},
		{"no colon", "secrethash", "line 1: it has no colon; it takes name:hash or name:hash:act"},
		{"no name", ":" + good, "line 1: a user's name takes 1 to 64 bytes of printable UTF-8"},
		{"a name that isn't text", "a\x07:" + good, "line 1: a user's name takes 1 to 64 bytes of printable UTF-8"},
		{"a long name", strings.Repeat("a", 65) + ":" + good, "line 1: a user's name takes 1 to 64 bytes of printable UTF-8"},
		{"a user twice", "ada:" + good + "\nada:" + good, `line 2: user "ada" is given twice; it takes each once`},
		{"several errors", "ada:x\nbob:y", `line 1: user "ada" has ` + bcryptRule + `; line 2: user "bob" has ` + bcryptRule},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := ParseUsers([]byte(test.content))
			if err == nil || err.Error() != test.want {
				t.Errorf("error is %v\nwant     %s", err, test.want)
			}
		})
	}
}

// testPages serves pages behind the login: / shows the user, and /act needs the role Act.
func (s *Dashboard) testPages() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		user := userOf(r.Context())
		writeText(w, http.StatusOK, fmt.Sprintf("%q %d", user.Name, user.Role))
	})
	mux.HandleFunc("/act", requireAct(
		func(w http.ResponseWriter, _ *http.Request) {
			writeText(w, http.StatusForbidden, "You have read-only access.")
		},
		func(w http.ResponseWriter, _ *http.Request) { writeText(w, http.StatusOK, "acted") }))
	return s.recoverPanics(securityHeaders(s.login(sameOrigin(allowLongStream(mux)))))
}

func TestOnlyTheRightPasswordLogsIn(t *testing.T) {
	t.Parallel()
	site := newTestDashboard(t, func(cfg *Config) { cfg.Users = testUsers(t) })
	h := site.testPages()
	for _, test := range []struct {
		name   string
		change func(*http.Request)
		path   string
		status int
		body   string
	}{
		{"no login", nil, "/", 401, "The dashboard needs a name and a password."},
		{"another scheme", func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") }, "/", 401, "needs a name"},
		{"a wrong password", withLogin("viewer", "act-password"), "/", 401, "Wrong name or password"},
		{"no password", withLogin("viewer", ""), "/", 401, "Wrong name or password"},
		{"an unknown user with another user's password", withLogin("nobody", "view-password"), "/", 401, "Wrong name or password"},
		{"a viewer", withLogin("viewer", "view-password"), "/", 200, `"viewer" 1`},
		{"a viewer a second time", withLogin("viewer", "view-password"), "/", 200, `"viewer" 1`},
		{"a wrong password after the right one", withLogin("viewer", "view-passwor"), "/", 401, "Wrong name or password"},
		{"a viewer who acts", withLogin("viewer", "view-password"), "/act", 403, "You have read-only access."},
		{"an actor", withLogin("actor", "act-password"), "/act", 200, "acted"},
	} {
		rec := sendRequest(h, "POST", test.path, test.change)
		if rec.Code != test.status || !strings.Contains(rec.Body.String(), test.body) {
			t.Errorf("%s: got %d %q, want %d with %q", test.name, rec.Code, rec.Body, test.status, test.body)
		}
		if got := rec.Header().Get("Www-Authenticate"); (got != "") != (test.status == 401) {
			t.Errorf("%s: WWW-Authenticate is %q", test.name, got)
		}
	}
}

// Every path except the health checks needs the login, whether it exists or not.
func TestEveryPathNeedsTheLogin(t *testing.T) {
	t.Parallel()
	h := newTestDashboard(t, func(cfg *Config) { cfg.Users, cfg.Metrics = testUsers(t), http.NotFoundHandler() }).Handler()
	for _, path := range []string{"/", "/metrics", "/live", "/static/asynqmon.js", "/asynqmon/", "/asynqmon", "/asynqmon/api/queues", "/domains/a/b", "/apps/a", "/../", "//", "/healthz/", "/healthz/x", "/readyz/.."} {
		for _, method := range []string{"GET", "POST", "DELETE", "HEAD", "OPTIONS"} {
			rec := sendRequest(h, method, path, nil)
			if redirected := rec.Code == http.StatusTemporaryRedirect && path != "/"; rec.Code != 401 && !redirected {
				t.Errorf("%s %s: %d %s", method, path, rec.Code, rec.Body)
			}
		}
	}
	checkAnswer(t, sendRequest(h, "GET", "/healthz", nil), 200, "alive")
	checkAnswer(t, sendRequest(h, "GET", "/asynqmon/api/queues", withLogin("viewer", "view-password")), 200, "queues")
}

func TestWithoutUsersOnlyThisMachineHasReadOnlyAccess(t *testing.T) {
	t.Parallel()
	site := newTestDashboard(t, nil)
	h := site.testPages()
	for host, status := range map[string]int{
		"127.0.0.1:8080": 200, "localhost:8080": 200, "LocalHost": 200, "[::1]:80": 200, "[::1]": 200, "127.9.9.9": 200, "[::ffff:127.0.0.1]:1": 200,
		"evil.example.com": 403, "evil.example.com:8080": 403, "127.0.0.1.evil.example.com": 403, "192.0.2.1:8080": 403, "": 403, "localhost.evil.example.com:80": 403,
	} {
		checkAnswer(t, sendRequest(site.Handler(), "GET", "/domains", func(r *http.Request) { r.Host = host }), status, "")
	}
	checkAnswer(t, sendRequest(h, "GET", "/", nil), 200, `"" 1`)
	checkAnswer(t, sendRequest(h, "POST", "/act", nil), 403, "read-only access")
	open := newTestDashboard(t, func(cfg *Config) { cfg.Open = Act })
	checkAnswer(t, sendRequest(open.testPages(), "POST", "/act", nil), 200, "acted")
}

func TestOtherOriginsCannotPost(t *testing.T) {
	t.Parallel()
	h := newTestDashboard(t, func(cfg *Config) { cfg.Users = testUsers(t) }).testPages()
	for _, test := range []struct {
		header, value string
		status        int
	}{
		{"Sec-Fetch-Site", "same-origin", 200}, {"Sec-Fetch-Site", "cross-site", 403}, {"Sec-Fetch-Site", "same-site", 403},
		{"Origin", "http://127.0.0.1:8080", 200}, {"Origin", "http://evil.example.com", 403}, {"Origin", "null", 403},
	} {
		rec := sendRequest(h, "POST", "/act", func(r *http.Request) {
			r.SetBasicAuth("actor", "act-password")
			r.Header.Set(test.header, test.value)
		})
		if rec.Code != test.status {
			t.Errorf("%s: %s gets %d %s", test.header, test.value, rec.Code, rec.Body)
		}
	}
}

func TestTheLimiterSparesUsersWhoAreLoggedIn(t *testing.T) {
	t.Parallel()
	users, now := testUsers(t), time.Now()
	users.now = func() time.Time { return now } // the tries' own duration must not count
	h := newTestDashboard(t, func(cfg *Config) { cfg.Users = users; cfg.Log = logrus.NewEntry(testLog(io.Discard)) }).testPages()
	from := func(address, name, password string) func(*http.Request) {
		return func(r *http.Request) { r.RemoteAddr = address; r.SetBasicAuth(name, password) }
	}
	checkAnswer(t, sendRequest(h, "GET", "/", from("192.0.2.1:1", "viewer", "view-password")), 200, "viewer")
	for i := range maxTries { // one user, from many addresses
		checkAnswer(t, sendRequest(h, "GET", "/", from(fmt.Sprintf("198.51.100.%d:1", i), "viewer", fmt.Sprint(i))), 401, "")
	}
	rec := sendRequest(h, "GET", "/", from("198.51.100.99:1", "viewer", "x"))
	checkAnswer(t, rec, 429, "Too many wrong passwords: try again in 10s.")
	if after := rec.Header().Get("Retry-After"); after != "10" {
		t.Errorf("Retry-After is %q", after)
	}
	checkAnswer(t, sendRequest(h, "GET", "/", from("203.0.113.7:1", "viewer", "view-password")), 200, "viewer")

	for i := range maxTries { // many users, from one address
		checkAnswer(t, sendRequest(h, "GET", "/", from("[2001:db8::1]:1", fmt.Sprint("user", i), "x")), 401, "")
	}
	checkAnswer(t, sendRequest(h, "GET", "/", from("[2001:db8::2]:2", "another", "x")), 429, "try again in 5s")
	checkAnswer(t, sendRequest(h, "GET", "/", from("[2001:db8:0:1::2]:2", "another", "x")), 401, "")
	checkAnswer(t, sendRequest(h, "GET", "/", from("[2001:db8::2]:2", "viewer", "view-password")), 200, "viewer")
}

func TestConcurrentRequestsOfABrowserAreOneTry(t *testing.T) {
	t.Parallel()
	h := newTestDashboard(t, func(cfg *Config) { cfg.Users = testUsers(t) }).testPages()
	var all sync.WaitGroup
	for range 8 * maxTries {
		all.Go(func() { checkAnswer(t, sendRequest(h, "GET", "/", withLogin("actor", "act-password")), 200, "actor") })
	}
	all.Wait()
}

func TestNoPasswordOrNameIsLogged(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	h := newTestDashboard(t, func(cfg *Config) { cfg.Users = testUsers(t); cfg.Log = logrus.NewEntry(testLog(&log)) }).testPages()
	checkAnswer(t, sendRequest(h, "GET", "/", withLogin("typed-hush-here", "hush")), 401, "")
	if got := log.String(); strings.Contains(got, "hush") || strings.Count(got, "\n") != 1 || !strings.Contains(got, "wrong name or password") {
		t.Errorf("log is %q", got)
	}
}

func TestAnUnknownUserCannotUseAnotherUsersPassword(t *testing.T) {
	t.Parallel()
	users, err := ParseUsers([]byte("ada:" + hashOf(t, "password") + ":act"))
	if err != nil {
		t.Fatal(err)
	}
	h := newTestDashboard(t, func(cfg *Config) { cfg.Users = users }).testPages()
	checkAnswer(t, sendRequest(h, "GET", "/", withLogin("nobody", "password")), 401, "")
	checkAnswer(t, sendRequest(h, "GET", "/", withLogin("ada", "password")), 200, "ada")
	checkAnswer(t, sendRequest(h, "GET", "/", withLogin("nobody", "password")), 401, "")
}

func TestOtherOriginsCannotChangeTasks(t *testing.T) {
	t.Parallel()
	h := newTestDashboard(t, func(cfg *Config) { cfg.Users = testUsers(t) }).Handler()
	rec := sendRequest(h, "POST", "/asynqmon/api/queues/domains:pause", func(r *http.Request) {
		r.SetBasicAuth("actor", "act-password")
		r.Header.Set("Sec-Fetch-Site", "cross-site")
	})
	checkAnswer(t, rec, 403, "a page of another site")
}
