package doctor

import (
	"cmp"
	"net"
	neturl "net/url"
	"slices"
	"strings"

	"pilotsync/internal/redisurl"
	"pilotsync/internal/wpconfig"
)

// checkCache compares the Redis database of WordPress's object cache, as constants of
// wp-config.php name it, with pilotsync's. A flush of the cache empties its database, so
// the plugin doesn't take over in the same one. url is pilotsync's Redis.
func checkCache(found wpconfig.Config, url string) []Result {
	const remedy = "Give pilotsync a Redis of its own (see deployments/redis), or at least another database, in PILOTSYNC_REDIS_URL and in the workers' REDIS_URL."
	var names, unclear []string
	for _, name := range wpconfig.CacheNames() {
		if _, certain := found.Values[name]; certain {
			names = append(names, name)
		} else if found.Refused[name] != nil {
			names, unclear = append(names, name), append(unclear, name)
		}
	}
	disabled := found.Values["WP_REDIS_DISABLED"]
	values, single := cachePlace(found.Values)
	switch several := []string{"WP_REDIS_SERVERS", "WP_REDIS_SHARDS", "WP_REDIS_CLUSTER", "WP_REDIS_SENTINEL"}; {
	case len(names) == 0 || disabled != "" && disabled != "false" && disabled != "0":
		return nil
	case len(unclear) > 0 || !single || slices.ContainsFunc(several, func(name string) bool { return slices.Contains(names, name) }):
		return []Result{warning(CheckWPConfig, "whether WordPress's object cache uses pilotsync's Redis database is not known: this check doesn't understand "+
			cmp.Or(strings.Join(unclear, ", "), strings.Join(names, ", ")), "'wp pilotsync test' compares them; make sure that pilotsync has a Redis of its own.")}
	case !redisurl.Same(cacheURL(values), url):
		return nil
	}
	detail := "WordPress's object cache (" + strings.Join(names, ", ") + ") uses the same Redis database as pilotsync, " + redisurl.Redacted(url) +
		": each flush of the cache deletes the queue and the ledger"
	if shared := found.Values[wpconfig.SharedRedis]; shared != "" && shared != "false" && shared != "0" {
		return []Result{warning(CheckWPConfig, detail+"; PILOTSYNC_SHARED_REDIS allows it", remedy)}
	}
	return []Result{failure(CheckWPConfig, detail+", so the plugin doesn't take over", remedy)}
}

// cachePlace returns the constants that say where the cache's Redis is, and whether they name
// one server. Object Cache Pro reads its array instead of redis-cache's constants, so the
// array's entries then take their place.
func cachePlace(values map[string]string) (place map[string]string, single bool) {
	config, found := values[wpconfig.CacheConfig]
	if !found {
		return values, true
	}
	entries, err := neturl.ParseQuery(config)
	if err != nil {
		return nil, false
	}
	place = map[string]string{}
	for key := range entries {
		switch key {
		case "scheme", "host", "port", "database":
			place["WP_REDIS_"+strings.ToUpper(key)] = entries.Get(key)
		default:
			return nil, false
		}
	}
	if socket, ok := strings.CutPrefix(entries.Get("host"), "unix://"); ok || strings.HasPrefix(socket, "/") {
		place["WP_REDIS_SCHEME"], place["WP_REDIS_PATH"] = "unix", socket
	}
	return place, true
}

// cacheURL returns the URL that the constants describe, with the defaults of redis-cache.
func cacheURL(values map[string]string) string {
	db := cmp.Or(values["WP_REDIS_DATABASE"], "0")
	if strings.EqualFold(values["WP_REDIS_SCHEME"], "unix") {
		return "redis-socket://" + strings.Replace(values["WP_REDIS_PATH"], "/var/run/", "/run/", 1) + "?db=" + db
	}
	host := strings.TrimPrefix(cmp.Or(values["WP_REDIS_HOST"], "127.0.0.1"), "tls://")
	return "redis://" + net.JoinHostPort(strings.Trim(host, "[]"), cmp.Or(values["WP_REDIS_PORT"], "6379")) + "/" + db
}
