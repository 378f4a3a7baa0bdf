package redisurl

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/url"
	"runtime"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// minPool is the smallest pool of connections to a server: a worker runs about 150 concurrent
// tasks, each of which sometimes needs a connection.
const minPool = 100

// slotsMaxAge is how old a client's map of a Cluster's slots may be. A master that
// answers redirects the client, but a dead one can't: go-redis would keep dialling it for
// a minute, its default.
const slotsMaxAge = 2 * time.Second

// Default ports of a server and of a Sentinel.
const (
	serverPort   = "6379"
	sentinelPort = "26379"
)

// Forms describes the URLs that [Open] takes.
const Forms = "redis://[user:password@]host[:port][/db], redis-socket:///path[?db=1] or unix:///path[?db=1], " +
	"redis-sentinel://[user:password@]host[:port],…[/db]?master=NAME[&sentinel_user=…][&sentinel_password=…] or " +
	"redis-cluster://[user:password@]host[:port],…; for TLS rediss://, rediss-sentinel:// and rediss-cluster://, " +
	"each with [?ca_file=PATH][&cert_file=PATH&key_file=PATH]"

// Open returns a client of the Redis that the URL names; see [Forms]. Options of
// go-redis can follow as a query, such as ?pool_size=20&read_timeout=5s. Open reads the files
// that the URL names, and doesn't connect. An error names the rule that the URL breaks, and
// shows no password.
func Open(raw string) (redis.UniversalClient, error) {
	client, err := open(raw)
	if err != nil {
		return nil, fmt.Errorf("the Redis URL %q is refused: %w", Redacted(raw), err)
	}
	return client, nil
}

func open(raw string) (redis.UniversalClient, error) {
	p := split(raw)
	// This is checked first. After it, no text that a library's error quotes can be a part
	// of a password.
	switch {
	case strings.ContainsRune(p.rest, '@'), strings.ContainsRune(raw, '#'):
		return nil, errors.New("it has an @ behind the host, or a #; in a user or password write % / ? # @ : as %25 %2F %3F %23 %40 %3A")
	case !p.numericPorts():
		return nil, errors.New("a port is not a number; it takes host:port")
	}
	given := p.scheme
	scheme, secure := tlsScheme(p.scheme)
	if scheme == "unix" { // as other clients call it
		raw = "redis-socket" + strings.TrimPrefix(raw, "unix")
		p.scheme, scheme = "redis-socket", "redis-socket"
	}
	p.scheme = scheme
	if scheme == "" {
		return nil, errors.New("it has no scheme; it takes " + Forms)
	}
	if err := p.rules(raw, scheme); err != nil {
		return nil, err
	}
	switch {
	case scheme == "redis":
		opt, err := serverOptions(raw, secure)
		return client(opt, err, redis.NewClient)
	case scheme == "redis-socket" && !secure: // a socket needs no TLS
		opt, err := socketOptions(raw)
		return client(opt, err, redis.NewClient)
	case scheme == "redis-sentinel":
		opt, err := sentinelOptions(p, secure)
		return client(opt, err, redis.NewFailoverClient)
	case scheme == "redis-cluster":
		opt, err := clusterOptions(p, secure)
		return client(opt, err, redis.NewClusterClient)
	}
	return nil, fmt.Errorf("the scheme %q is unknown; it takes %s", given, Forms)
}

// client makes a client from its options, unless err is set.
func client[O any, C redis.UniversalClient](opt O, err error, open func(O) C) (redis.UniversalClient, error) {
	if err != nil {
		return nil, err
	}
	return open(opt), nil
}

// socketOptions are those of a server on a Unix socket.
func socketOptions(raw string) (*redis.Options, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, reason(err)
	}
	if u.Host != "" || len(u.Path) < 2 {
		return nil, errors.New("it takes the path of a socket behind three slashes, as in redis-socket:///run/redis.sock?db=1")
	}
	u.Scheme = "unix" // as go-redis calls it
	opt, err := redis.ParseURL(u.String())
	if err != nil {
		return nil, reason(err)
	}
	return withDefaults(opt), nil
}

// serverOptions are those of a single server over TCP.
func serverOptions(raw string, secure bool) (*redis.Options, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, reason(err)
	}
	id, err := identityOf(u, secure)
	if err != nil {
		return nil, err
	}
	opt, err := redis.ParseURL(u.String())
	if err != nil {
		return nil, reason(err)
	}
	if secure {
		opt.TLSConfig, err = id.config(opt.TLSConfig.InsecureSkipVerify)
	}
	return withDefaults(opt), err
}

// identityOf is takeIdentity for a whole URL, which also gets the scheme that go-redis
// expects.
func identityOf(u *url.URL, secure bool) (identity, error) {
	q := u.Query()
	id, err := takeIdentity(q, secure)
	u.Scheme, u.RawQuery = "redis", q.Encode()
	if secure {
		u.Scheme = "rediss"
	}
	return id, err
}

// sentinelOptions builds a URL for go-redis: its host is the first Sentinel with the
// Sentinels' password, everything else is in its query.
func sentinelOptions(p parts, secure bool) (*redis.FailoverOptions, error) {
	u, addrs, err := p.parseHosts(sentinelPort)
	if err != nil {
		return nil, err
	}
	id, err := identityOf(u, secure)
	if err != nil {
		return nil, err
	}
	q := u.Query()
	if q.Get("master") == "" {
		return nil, errors.New("it doesn't name the master; add ?master=NAME, its name on the Sentinels")
	}
	q.Set("master_name", q.Get("master"))
	if u.User != nil {
		q.Set("username", u.User.Username())
		password, _ := u.User.Password()
		q.Set("password", password)
		u.User = nil
	}
	if password := q.Get("sentinel_password"); password != "" {
		u.User = url.UserPassword(q.Get("sentinel_user"), password)
	} else if q.Has("sentinel_user") {
		return nil, errors.New("sentinel_user is given without a sentinel_password; a user of the Sentinels needs both")
	}
	q.Del("master")
	q.Del("sentinel_user")
	q.Del("sentinel_password")
	q["addr"] = addrs[1:]
	u.Host, u.RawQuery = addrs[0], q.Encode()
	opt, err := redis.ParseFailoverURL(u.String())
	if err != nil {
		return nil, reason(err)
	}
	if secure {
		if opt.TLSConfig, err = id.config(opt.TLSConfig.InsecureSkipVerify); err != nil {
			return nil, err
		}
	}
	opt.ContextTimeoutEnabled, opt.PipelinePoolSize = true, noPipelinePool
	opt.ReadBufferSize, opt.WriteBufferSize = bufferSize, bufferSize
	opt.DisableIdentity = true
	if opt.PoolSize == 0 {
		opt.PoolSize = poolSize()
	}
	return opt, nil
}

func clusterOptions(p parts, secure bool) (*redis.ClusterOptions, error) {
	u, addrs, err := p.parseHosts(serverPort)
	if err != nil {
		return nil, err
	}
	if db := strings.Trim(u.Path, "/"); db != "" && db != "0" {
		return nil, fmt.Errorf("it asks for database %q; a Cluster has database 0 only", db)
	}
	id, err := identityOf(u, secure)
	if err != nil {
		return nil, err
	}
	q := u.Query()
	q["addr"] = addrs[1:]
	u.Host, u.Path, u.RawQuery = addrs[0], "", q.Encode()
	opt, err := redis.ParseClusterURL(u.String())
	if err != nil {
		return nil, reason(err)
	}
	if secure {
		skip := opt.TLSConfig != nil && opt.TLSConfig.InsecureSkipVerify
		if opt.TLSConfig, err = id.config(skip); err != nil {
			return nil, err
		}
	}
	opt.ContextTimeoutEnabled, opt.PipelinePoolSize = true, noPipelinePool
	opt.ReadBufferSize, opt.WriteBufferSize = bufferSize, bufferSize
	opt.DisableIdentity, opt.MaintNotificationsConfig = true, noMaintNotifications()
	if opt.PoolSize == 0 {
		opt.PoolSize = poolSize()
	}
	opt.ClusterStateReloadInterval = slotsMaxAge
	return opt, nil
}

// parseHosts parses a URL with several hosts, which net/url doesn't support. It returns the
// URL with a placeholder host, and the addresses.
func (p parts) parseHosts(defaultPort string) (*url.URL, []string, error) {
	u, err := url.Parse("redis://" + p.userAt() + "host" + p.rest)
	if err != nil {
		return nil, nil, reason(err)
	}
	var addrs []string
	for _, h := range strings.Split(p.hosts, ",") {
		one, err := url.Parse("redis://" + h)
		if err != nil || one.Hostname() == "" {
			return nil, nil, fmt.Errorf("%q is no host[:port]; several are separated by commas", h)
		}
		addrs = append(addrs, net.JoinHostPort(one.Hostname(), cmp.Or(one.Port(), defaultPort)))
	}
	return u, addrs, nil
}

const (
	// noPipelinePool lets pipelines use the pool of all commands. go-redis's own for them has buffers
	// of 256 KiB for each connection, and ours are small.
	noPipelinePool = -1
	// bufferSize is that of a connection, in bytes, for each direction. A worker has some 30
	// connections, and most answers are short; larger ones go around the buffer.
	bufferSize = 8 << 10
)

// withDefaults sets the pool's size, and makes each read and write honour its context's
// deadline; otherwise go-redis uses only its own time limits.
func withDefaults(opt *redis.Options) *redis.Options {
	opt.ContextTimeoutEnabled, opt.PipelinePoolSize = true, noPipelinePool
	opt.ReadBufferSize, opt.WriteBufferSize = bufferSize, bufferSize
	opt.DisableIdentity, opt.MaintNotificationsConfig = true, noMaintNotifications()
	if opt.PoolSize == 0 {
		opt.PoolSize = poolSize()
	}
	return opt
}

// noMaintNotifications turns off messages that only Redis Enterprise sends. To ask for them, as to
// name the library, takes commands for each connection.
func noMaintNotifications() *maintnotifications.Config {
	return &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
}

// poolSize is go-redis's default, but not below minPool.
func poolSize() int { return max(minPool, 10*runtime.GOMAXPROCS(0)) }

// reason returns a library's error about the URL. It replaces errors of net/url: they quote
// the URL or a part of it, which may belong to a password.
func reason(err error) error {
	var ofURL *url.Error
	if errors.As(err, &ofURL) {
		return errors.New("it can't be read as a URL; in a user or password write % / ? # @ : as %25 %2F %3F %23 %40 %3A")
	}
	return errors.New(strings.TrimPrefix(err.Error(), "redis: "))
}
