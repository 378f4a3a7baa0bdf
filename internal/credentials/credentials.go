// Package credentials makes the passwords of an installation once, keeps them, and
// hands each service the files that it takes: Redis its users, the worker and the
// page their URLs, the page its login. So services that are started together for the
// first time find what they need, without a person and without a password that
// everybody knows.
//
// What is made is kept in one file; all others follow from it and from the
// options, so a new release's list of users takes effect with the passwords that are there.
package credentials

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/crypto/bcrypt"
)

// PageUser is who may log in to the page, and act.
const PageUser = "admin"

// Options are what the files follow from, besides what is kept.
type Options struct {
	ACL       []byte // Redis's users, as users.acl of deployments/redis has them
	Redis     string // host:port of Redis, as the services reach it
	Published string // the same as it is reached from outside, for WordPress and people
	APIKey    string // ServerPilot's, for the worker; empty for none
}

// Kept is what was made, or given, and can't be found out again.
type Kept struct {
	Redis     map[string]string `json:"redis"` // the password of each of Redis's users, by name
	Page      string            `json:"page"`  // PageUser's
	PageHash  string            `json:"page_hash"`
	Grafana   string            `json:"grafana"`
	Published string            `json:"published"` // as Options had it last
}

// complete returns what is kept with what was missing, and how many passwords
// had to be made. A user that the list no longer has keeps the password.
func (k Kept) complete(o Options) (_ Kept, made int, err error) {
	users := usersOf(o.ACL)
	for _, needed := range []string{"php", "worker", "page"} {
		if !slices.Contains(users, needed) {
			return Kept{}, 0, fmt.Errorf("the list of Redis's users has no line that begins with 'user %s on'; it takes one, as deployments/redis/users.acl has it", needed)
		}
	}
	k.Redis = maps.Clone(k.Redis)
	if k.Redis == nil {
		k.Redis = map[string]string{}
	}
	fresh := func(password string) string {
		if password != "" {
			return password
		}
		made++
		return rand.Text() // 130 bits, and nothing that a URL or a shell would take for something else
	}
	for _, user := range users {
		k.Redis[user] = fresh(k.Redis[user])
	}
	k.Page, k.Grafana, k.Published = fresh(k.Page), fresh(k.Grafana), o.Published
	if bcrypt.CompareHashAndPassword([]byte(k.PageHash), []byte(k.Page)) != nil {
		hash, err := bcrypt.GenerateFromPassword([]byte(k.Page), bcrypt.DefaultCost)
		if err != nil {
			return Kept{}, 0, fmt.Errorf("hash the page's password: %w", err)
		}
		k.PageHash = string(hash)
	}
	return k, made, nil
}

// file is one that a service takes. Only its own folder is mounted where the service
// runs, so those that other users of the container read may be open within it.
type file struct {
	folder, name, text string
	open               bool // to users other than ours
}

// files are all that follow from what is kept.
func (k Kept) files(o Options) []file {
	all := []file{
		{folder: "redis", name: "users.acl", text: string(k.acl(o.ACL)), open: true},
		{folder: "redis", name: "php-password", text: k.Redis["php"], open: true}, // for the health check
		{folder: "worker", name: "redis-url", text: redisURL(o.Redis, "worker", k.Redis)},
		{folder: "page", name: "redis-url", text: redisURL(o.Redis, "page", k.Redis)},
		{folder: "page", name: "users", text: PageUser + ":" + k.PageHash + ":act\n"},
		{folder: "grafana", name: "password", text: k.Grafana, open: true},
	}
	if o.APIKey != "" {
		all = append(all, file{folder: "worker", name: "api-key", text: o.APIKey})
	}
	return all
}

// Show tells a person the passwords that people need.
func (k Kept) Show() string {
	var b strings.Builder
	fmt.Fprintf(&b, "page:     user %s, password %s\n", PageUser, k.Page)
	fmt.Fprintf(&b, "Grafana:  user admin, password %s\n", k.Grafana)
	fmt.Fprintf(&b, "PHP:      %s\n", redisURL(k.Published, "php", k.Redis))
	if k.Redis["admin"] != "" {
		fmt.Fprintf(&b, "Redis:    %s\n", redisURL(k.Published, "admin", k.Redis))
	}
	return b.String()
}

func redisURL(addr, user string, passwords map[string]string) string {
	u := url.URL{Scheme: "redis", User: url.UserPassword(user, passwords[user]), Host: addr, Path: "/0"}
	return u.String()
}

// usersOf are the names of the users that are on, in the list's order.
func usersOf(acl []byte) (names []string) {
	for line := range bytes.Lines(acl) {
		if words := strings.Fields(string(line)); isOn(words) {
			names = append(names, words[1])
		}
	}
	return names
}

func isOn(words []string) bool { return len(words) > 2 && words[0] == "user" && words[2] == "on" }

// acl is the list of users with the hash of each one's password behind its "on".
func (k Kept) acl(list []byte) []byte {
	var b bytes.Buffer
	for line := range bytes.Lines(list) {
		words := strings.Fields(string(line))
		if isOn(words) {
			sum := sha256.Sum256([]byte(k.Redis[words[1]]))
			words = slices.Insert(words, 3, "#"+hex.EncodeToString(sum[:]))
		}
		b.WriteString(strings.Join(words, " ") + "\n")
	}
	return b.Bytes()
}

// defaultUser is the line that Redis's user default needs. Clients that name no user
// come as default, so it is off. Redis replays its append-only file as default, so
// without the rights a restart loses data.
const defaultUser = "user default off resetpass allkeys allchannels +@all"

// check refuses options that would make files that don't work.
func (o Options) check() error {
	if !slices.ContainsFunc(slices.Collect(bytes.Lines(o.ACL)), func(line []byte) bool {
		return slices.Equal(strings.Fields(string(line)), strings.Fields(defaultUser))
	}) {
		return fmt.Errorf("the list of Redis's users has no line '%s'; without it anybody gets in, or a restart of Redis loses data", defaultUser)
	}
	for line := range bytes.Lines(o.ACL) {
		if words := strings.Fields(string(line)); isOn(words) && slices.Contains(words, "nopass") {
			return fmt.Errorf("user %s of Redis has nopass, so any password would do; it takes a line without it", words[1])
		}
	}
	if strings.ContainsAny(o.APIKey, " \t\r\n") {
		return errors.New("the API key holds white space; it takes the API key alone")
	}
	return nil
}
