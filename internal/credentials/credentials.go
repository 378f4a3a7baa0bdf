// Package credentials makes the passwords of an installation once, and keeps them. It writes
// the files of each service: Redis's users, the URLs of the worker and the dashboard, and the
// dashboard's login. Services that are started together for the first time find what they need,
// without a person and without a default password.
//
// The passwords are kept in one file; all others are made from it and from the options.
// So a new release's list of users takes effect with the existing passwords.
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

// DashboardUser is the dashboard's user, with the role act.
const DashboardUser = "admin"

// Options are what the files are made from, besides the kept passwords.
type Options struct {
	ACL       []byte // Redis's users, as users.acl of deployments/redis has them
	Redis     string // host:port of Redis, as the services reach it
	Published string // the same Redis from outside, for WordPress and people
	APIKey    string // ServerPilot's, for the worker; empty for none
}

// Passwords are what is kept: the passwords, and what the files are made from besides them.
type Passwords struct {
	Redis         map[string]string `json:"redis"` // the password of each of Redis's users, by name
	Dashboard     string            `json:"page"`  // DashboardUser's
	DashboardHash string            `json:"page_hash"`
	Grafana       string            `json:"grafana"`
	Published     string            `json:"published"` // the last one of Options
}

// complete adds missing passwords, and returns how many it made. A user that is no
// longer on the list keeps the password.
func (k Passwords) complete(o Options) (_ Passwords, made int, err error) {
	users := usersOf(o.ACL)
	for _, needed := range []string{"php", "worker", "page"} {
		if !slices.Contains(users, needed) {
			return Passwords{}, 0, fmt.Errorf("the list of Redis's users has no line that begins with 'user %s on'; it takes one, as deployments/redis/users.acl has it", needed)
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
		return rand.Text() // 130 bits, without characters that are special in a URL or a shell
	}
	for _, user := range users {
		k.Redis[user] = fresh(k.Redis[user])
	}
	k.Dashboard, k.Grafana, k.Published = fresh(k.Dashboard), fresh(k.Grafana), o.Published
	if bcrypt.CompareHashAndPassword([]byte(k.DashboardHash), []byte(k.Dashboard)) != nil {
		hash, err := bcrypt.GenerateFromPassword([]byte(k.Dashboard), bcrypt.DefaultCost)
		if err != nil {
			return Passwords{}, 0, fmt.Errorf("hash the dashboard's password: %w", err)
		}
		k.DashboardHash = string(hash)
	}
	return k, made, nil
}

// file is a file of a service. A service's container has only the service's own folder,
// so files for other users of the container may be readable for all.
type file struct {
	folder, name, text string
	open               bool // readable for other users
}

// files are all that are made from the kept passwords.
func (k Passwords) files(o Options) []file {
	all := []file{
		{folder: "redis", name: "users.acl", text: string(k.acl(o.ACL)), open: true},
		{folder: "redis", name: "php-password", text: k.Redis["php"], open: true}, // for the health check
		{folder: "worker", name: "redis-url", text: redisURL(o.Redis, "worker", k.Redis)},
		{folder: "page", name: "redis-url", text: redisURL(o.Redis, "page", k.Redis)},
		{folder: "page", name: "users", text: DashboardUser + ":" + k.DashboardHash + ":act\n"},
		{folder: "grafana", name: "password", text: k.Grafana, open: true},
	}
	if o.APIKey != "" {
		all = append(all, file{folder: "worker", name: "api-key", text: o.APIKey})
	}
	return all
}

// Show is a text with the passwords that people need.
func (k Passwords) Show() string {
	var b strings.Builder
	fmt.Fprintf(&b, "dashboard: user %s, password %s\n", DashboardUser, k.Dashboard)
	fmt.Fprintf(&b, "Grafana:   user admin, password %s\n", k.Grafana)
	fmt.Fprintf(&b, "PHP:       %s\n", redisURL(k.Published, "php", k.Redis))
	if k.Redis["admin"] != "" {
		fmt.Fprintf(&b, "Redis:     %s\n", redisURL(k.Published, "admin", k.Redis))
	}
	return b.String()
}

func redisURL(addr, user string, passwords map[string]string) string {
	u := url.URL{Scheme: "redis", User: url.UserPassword(user, passwords[user]), Host: addr, Path: "/0"}
	return u.String()
}

// usersOf are the names of the enabled users, in the list's order.
func usersOf(acl []byte) (names []string) {
	for line := range bytes.Lines(acl) {
		if words := strings.Fields(string(line)); isOn(words) {
			names = append(names, words[1])
		}
	}
	return names
}

func isOn(words []string) bool { return len(words) > 2 && words[0] == "user" && words[2] == "on" }

// acl is the list of users with the hash of each one's password after its "on".
func (k Passwords) acl(list []byte) []byte {
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
// log in as default, so it is off. Redis replays its append-only file as default, so
// without the rights a restart loses data.
const defaultUser = "user default off resetpass allkeys allchannels +@all"

// check refuses options that would make files that don't work.
func (o Options) check() error {
	if !slices.ContainsFunc(slices.Collect(bytes.Lines(o.ACL)), func(line []byte) bool {
		return slices.Equal(strings.Fields(string(line)), strings.Fields(defaultUser))
	}) {
		return fmt.Errorf("the list of Redis's users has no line '%s'; without it any client gets in, or a restart of Redis loses data", defaultUser)
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
