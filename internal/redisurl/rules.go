package redisurl

import (
	"errors"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

var (
	database   = regexp.MustCompile(`^[0-9]{1,9}$`)
	masterName = regexp.MustCompile(`^[A-Za-z0-9._-]+$`) // Redis's own rule
)

// rules checks the rules of the PHP library's RedisUrl; go-redis is less strict.
// testdata/urls.json has the test cases for both.
func (p parts) rules(raw, scheme string) error {
	if strings.ContainsFunc(raw, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) {
		return errors.New("it has white space or a control character in it, at its end perhaps; take it out, or write it in a password as %20")
	}
	if p.hasUser {
		if _, password, _ := strings.Cut(p.user, ":"); password == "" {
			return errors.New("it has a user without a password; a password alone has a colon before it, as in redis://:password@host")
		}
	}
	if err := p.checkHosts(scheme); err != nil {
		return err
	}
	path, query, _ := strings.Cut(p.rest, "?")
	options, err := parseOptions(query)
	if err != nil {
		return err
	}
	if master := options.Get("master"); scheme == "redis-sentinel" && master != "" && !masterName.MatchString(master) {
		return errors.New("the name of its master has another character than letters, digits, . - and _")
	}
	switch scheme {
	case "redis-cluster":
		return nil // it has database 0 only
	case "redis-socket":
		path = ""
	}
	return checkDatabase(strings.TrimPrefix(path, "/"), options)
}

func (p parts) checkHosts(scheme string) error {
	for _, h := range strings.Split(p.hosts, ",") {
		i := strings.LastIndexByte(h, ':')
		if i < 0 || strings.HasSuffix(h, "]") {
			continue
		}
		if port, err := strconv.Atoi(h[i+1:]); err != nil || port < 1 || port > 65535 {
			return errors.New("a port is out of range; it takes 1 to 65535")
		}
	}
	if scheme == "redis" && strings.Contains(p.hosts, ",") {
		return errors.New("it has several hosts; these are for redis-sentinel:// and redis-cluster://")
	}
	return nil
}

func parseOptions(query string) (url.Values, error) {
	options, err := url.ParseQuery(query)
	if err != nil {
		return nil, errors.New("its query can't be read; it takes name=value, several with & between them")
	}
	for _, values := range options {
		if len(values) > 1 {
			return nil, errors.New("an option of its query is given twice; each takes one value")
		}
	}
	return options, nil
}

// checkDatabase checks the database in the path, or in the option db.
func checkDatabase(inPath string, options url.Values) error {
	switch {
	case inPath != "" && options.Has("db"):
		return errors.New("it names its database twice, in its path and as db; take one out")
	case inPath != "" && !database.MatchString(inPath), options.Has("db") && !database.MatchString(options.Get("db")):
		return errors.New("its database is no number; it takes /NUMBER behind the host, or ?db=NUMBER")
	}
	return nil
}
