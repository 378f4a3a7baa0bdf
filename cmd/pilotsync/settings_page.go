package main

import (
	"cmp"
	"errors"
	"fmt"
	"net"

	"github.com/sirupsen/logrus"

	"pilotsync/internal/dashboard"
)

// apiSettings say where ServerPilot's API is, and how often it may be asked.
type apiSettings struct {
	APIURL  string `name:"api-url" env:"SERVERPILOT_API_URL" group:"ServerPilot" default:"https://api.serverpilot.io/v1" help:"Where ServerPilot's API is; plain http only to loopback addresses."`
	APIRate string `name:"api-rate" env:"PILOTSYNC_API_RATE" group:"ServerPilot" default:"5" help:"Calls a second for an account, over all workers, 0 to 1000; 0 for no limit."`
}

// pageSettings say where the page is, and for whom. The address's default isn't a
// tag, for it would hide whether the address was set.
type pageSettings struct {
	Listen       string `name:"listen" env:"PILOTSYNC_LISTEN" group:"Page" placeholder:"ADDRESS" help:"Address of the page, a loopback one unless there is a login; off for none. Default: 127.0.0.1:8080, which a worker does without if another pilotsync has it."`
	Auth         string `name:"auth" env:"PILOTSYNC_AUTH" group:"Page" placeholder:"FILE" help:"Password file of the page's users, as htpasswd -B writes it; a line that ends in :act is for one who may act. Default: no login, and the page can only be read."`
	HealthListen string `name:"health-listen" env:"PILOTSYNC_HEALTH_LISTEN" group:"Page" placeholder:"ADDRESS" help:"Another address for /healthz, /readyz and /metrics, where they need no login. Default: the page's."`
}

const defaultListen = "127.0.0.1:8080"

// listen returns the address of the page, empty for no page.
func (s pageSettings) listen(w *wrong) string {
	return take(w, "PILOTSYNC_LISTEN", cmp.Or(s.Listen, defaultListen), parseListen)
}

// logSettings say what is logged, and how.
type logSettings struct {
	LogLevel  string `name:"log-level" env:"PILOTSYNC_LOG_LEVEL" group:"Log" default:"info" help:"panic, fatal, error, warning, info, debug or trace."`
	LogFormat string `name:"log-format" env:"PILOTSYNC_LOG_FORMAT" group:"Log" placeholder:"FORMAT" help:"text or json. Default: text on a terminal, else json."`
}

// logSetup is what logSettings come to.
type logSetup struct {
	LogLevel  logrus.Level
	LogFormat string // text, json or empty
}

func (s logSettings) log(w *wrong) logSetup {
	return logSetup{
		LogLevel:  take(w, "PILOTSYNC_LOG_LEVEL", s.LogLevel, parseLogLevel),
		LogFormat: take(w, "PILOTSYNC_LOG_FORMAT", s.LogFormat, oneOf("text", "json", "")),
	}
}

// logger is the log on standard error.
func (l logSetup) logger(s *streams) *logrus.Logger {
	format := l.LogFormat
	if format == "" && !s.Terminal {
		format = "json"
	}
	return newLogger(s.Err, l.LogLevel, format)
}

// pageSetup is what pageSettings come to.
type pageSetup struct {
	Listen string           // empty for no page
	Unset  bool             // Listen is the default, since nothing else was set
	Health string           // empty for health checks and metrics on the page's address
	Users  *dashboard.Users // nil for no login
}

func (s pageSettings) page(w *wrong, read readFile) pageSetup {
	set := pageSetup{
		Listen: s.listen(w), Unset: s.Listen == "",
		Health: take(w, "PILOTSYNC_HEALTH_LISTEN", s.HealthListen, parseHealthListen),
		Users:  take(w, "PILOTSYNC_AUTH", s.Auth, read.users),
	}
	if s.Auth == "" && set.Listen != "" && !listensOnLoopback(set.Listen) {
		w.add("PILOTSYNC_LISTEN", s.Listen, "without a login (PILOTSYNC_AUTH) it takes a loopback address only, such as 127.0.0.1:8080, or off")
	}
	return set
}

// use has a running page take the users of another reading of the settings.
func (set pageSetup) use(anew pageSetup) {
	if set.Users != nil && anew.Users != nil {
		set.Users.Replace(anew.Users)
	}
}

// users reads a password file; none is no error.
func (read readFile) users(file string) (*dashboard.Users, error) {
	if file == "" {
		return nil, nil
	}
	content, err := read(file)
	if err != nil {
		return nil, fmt.Errorf("it takes a file that can be read: %w", err)
	}
	return dashboard.ParseUsers(content)
}

func listensOnLoopback(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	return err == nil && isLoopback(host)
}

func parseHealthListen(value string) (string, error) {
	if value == "" {
		return "", nil
	}
	if !hostPort(value) {
		return "", errors.New("it takes host:port, such as 127.0.0.1:8081 or :8081, or nothing")
	}
	return value, nil
}
