package wpconfig

import (
	"slices"
	"strings"
)

// The constants that WordPress and the worker must agree on. The first three are
// Ultimate Multisite's.
const (
	ClientID      = "WU_SERVER_PILOT_CLIENT_ID"
	APIKey        = "WU_SERVER_PILOT_API_KEY"
	AppID         = "WU_SERVER_PILOT_APP_ID"
	RedisURL      = "PILOTSYNC_REDIS_URL"
	WebhookSecret = "PILOTSYNC_WEBHOOK_SECRET"
)

// Names lists the constants that WordPress and the worker must agree on.
func Names() []string { return []string{ClientID, APIKey, AppID, RedisURL, WebhookSecret} }

// Constants that only the WordPress plugin reads. Disabled switches it off, and MailTo is the
// recipient of e-mail about trouble. SharedRedis lets it use the database of WordPress's object
// cache.
const (
	Disabled    = "PILOTSYNC_DISABLED"
	MailTo      = "PILOTSYNC_MAIL_TO"
	SharedRedis = "PILOTSYNC_SHARED_REDIS"
)

// CacheConfig is an array with all settings of Object Cache Pro.
const CacheConfig = "WP_REDIS_CONFIG"

// CacheNames lists the constants that locate WordPress's object cache, as the plugin
// redis-cache and others read them.
func CacheNames() []string {
	return []string{"WP_REDIS_SCHEME", "WP_REDIS_HOST", "WP_REDIS_PORT", "WP_REDIS_PATH", "WP_REDIS_DATABASE",
		"WP_REDIS_SERVERS", "WP_REDIS_SHARDS", "WP_REDIS_CLUSTER", "WP_REDIS_SENTINEL", "WP_REDIS_DISABLED", CacheConfig}
}

// takesLiteral reports whether a constant may also be a number, true or false.
func takesLiteral(name string) bool {
	return name == SharedRedis || slices.Contains(CacheNames(), name)
}

// searched lists all constants that [Parse] reads.
func searched() []string { return append(append(Names(), SharedRedis), CacheNames()...) }

// Constants lists all constants of a wp-config.php that the plugin reads. If
// wp-config.php takes them from the environment, a worker may see them there, too.
func Constants() []string { return append(Names(), Disabled, MailTo, SharedRedis) }

// MaxSize is the size in bytes of the largest file to parse; real ones have a few
// thousand.
const MaxSize = 1 << 20

// Config has the constants of [Names] and [CacheNames], and [SharedRedis]. Of the latter two a
// number is a value as it is written, and true and false are these words. The value of
// [CacheConfig] is a query string of its entries. scheme, host, port and database have their
// values; url, servers, shards, cluster and sentinels have none.
type Config struct {
	// Values has the certain ones. A constant that the file doesn't define is neither
	// here nor in Refused.
	Values map[string]string
	// Refused says why others aren't certain. The errors name the constant, the line
	// and the rule, and show no value.
	Refused map[string]error
	// Unknown are the lines of constants that begin like pilotsync's but that nothing
	// reads, by name.
	Unknown map[string]int
}

// Parse reads a file's source. It never fails: a file that isn't PHP has no constants.
func Parse(source []byte) Config {
	ts := tokens(string(source))
	c := Config{Values: map[string]string{}, Refused: map[string]error{}, Unknown: map[string]int{}}
	for i, t := range ts {
		if name := at(ts, i+2); t.isWord("define") && at(ts, i+1).is("(") && name.kind == text && strings.HasPrefix(name.value, "PILOTSYNC_") && !slices.Contains(Constants(), name.value) {
			c.Unknown[name.value] = name.line
		}
	}
	found := definitions(ts)
	for _, name := range searched() {
		if len(found[name]) == 0 {
			continue
		}
		value, err := decide(name, found[name])
		if err != nil {
			c.Refused[name] = err
			continue
		}
		c.Values[name] = value
	}
	return c
}
