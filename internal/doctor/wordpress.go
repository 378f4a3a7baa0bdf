package doctor

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"pilotsync/internal/config"
	"pilotsync/internal/redisurl"
	"pilotsync/internal/wpconfig"
)

// constant is a constant of wp-config.php with the setting that must agree with it.
type constant struct {
	name        string
	value, file *string // the setting's two forms
	required    bool    // no worker starts without it
	copied      bool    // a missing setting gets the constant's value
	severity    Status  // of a difference
	agrees      func(wordpress, worker string) bool
	difference  func(wordpress, worker string) string // without secrets
}

func constants(s *config.WorkerSettings) []constant {
	same := func(a, b string) bool { return a == b }
	overlap := func(split func(string) []string) func(string, string) bool {
		return func(wordpress, worker string) bool {
			return slices.ContainsFunc(split(wordpress), func(one string) bool { return slices.Contains(split(worker), one) })
		}
	}
	secret := func(problem string) func(string, string) string {
		return func(string, string) string { return problem }
	}
	one := s.Config == "" // otherwise the accounts are in that file
	return []constant{
		{wpconfig.ClientID, &s.ClientID, &s.ClientIDFile, one, one, Warning, same, secret("is another client id than the worker's")},
		{wpconfig.APIKey, &s.APIKey, &s.APIKeyFile, one, one, Warning, same, secret("is another key than the worker's; an account has one active key")},
		{wpconfig.AppID, &s.AppID, &s.AppIDFile, one, one, Failure, overlap(config.Fields), func(wordpress, worker string) string {
			return fmt.Sprintf("is %q, which is not among the worker's (%s): WordPress's changes will wait for ever", wordpress, worker)
		}},
		{wpconfig.RedisURL, &s.RedisURL, &s.RedisURLFile, false, true, Warning, redisurl.Same, func(wordpress, worker string) string {
			return fmt.Sprintf("is %s, and the worker's is %s; if they aren't the same Redis, no change arrives", redisurl.Redacted(wordpress), redisurl.Redacted(worker))
		}},
		{wpconfig.WebhookSecret, &s.WebhookSecret, &s.WebhookSecretFile, false, true, Warning, overlap(strings.Fields), secret("has no secret in common with the worker's: WordPress will refuse every event")},
	}
}

// CheckWordPress compares the settings with the constants of a wp-config.php, since
// WordPress and the worker must agree. It copies the values of missing settings from
// the constants into the settings.
func CheckWordPress(settings *config.WorkerSettings, path string, read config.ReadFile) []Result {
	source, err := read(path)
	if err == nil && len(source) > wpconfig.MaxSize {
		err = fmt.Errorf("%s has more than %d bytes", path, wpconfig.MaxSize)
	}
	if err != nil {
		return []Result{failure(CheckWPConfig, "it can't be read: "+err.Error(), "Name a wp-config.php that this user can read, or run this as a user who can.")}
	}
	w := wordpress{settings: settings, path: path, read: read, found: wpconfig.Parse(source)}
	for _, c := range constants(settings) {
		w.check(c)
	}
	p := config.NewParser(read)
	url, _ := p.Text(wpconfig.RedisURL, settings.RedisURL, settings.RedisURLFile)
	w.results = append(w.results, checkCache(w.found, cmp.Or(w.found.Values[wpconfig.RedisURL], url, config.DefaultRedisURL))...)
	for _, name := range slices.Sorted(maps.Keys(w.found.Unknown)) {
		w.warn(fmt.Sprintf("%s (line %d) is a constant that nothing reads", name, w.found.Unknown[name]),
			fmt.Sprintf("Correct the name: %s is the nearest.", config.NearestSetting(name, wpconfig.Constants())))
	}
	return w.all()
}

// wordpress collects the results of the comparison with one wp-config.php.
type wordpress struct {
	settings *config.WorkerSettings
	path     string
	read     config.ReadFile
	found    wpconfig.Config

	results        []Result
	copied, agreed []string // names of constants
}

func (w *wordpress) warn(detail, remedy string) {
	w.results = append(w.results, warning(CheckWPConfig, detail, remedy))
}

func (w *wordpress) fail(detail, remedy string) {
	w.results = append(w.results, failure(CheckWPConfig, detail, remedy))
}

func (w *wordpress) check(c constant) {
	value, defined := w.found.Values[c.name]
	missing := *c.value == "" && *c.file == ""
	switch refused := w.found.Refused[c.name]; {
	case refused != nil:
		w.refused(c, refused, missing)
	case !defined && missing && c.required:
		w.fail(fmt.Sprintf("%s isn't defined in %s (files that it includes are not read)", c.name, w.path), "Define it there, or set it for this command.")
	case !defined && c.name == wpconfig.RedisURL && len(w.found.Values)+len(w.found.Refused) > 0:
		w.warn(fmt.Sprintf("%s isn't defined in %s (files that it includes are not read): without it the plugin does nothing", c.name, w.path),
			"Define it there, above the require of wp-settings.php, if WordPress has the plugin.")
	case !defined:
	case missing && c.copied:
		*c.value = value
		w.copied = append(w.copied, c.name)
	case missing && c.name == wpconfig.AppID: // the accounts are in PILOTSYNC_CONFIG
		w.checkAppOfFile(value)
	case missing:
	default:
		w.compare(c, value)
	}
}

// refused reports a constant whose value isn't certain.
func (w *wordpress) refused(c constant, reason error, missing bool) {
	var late *wpconfig.LateError
	switch {
	case errors.As(reason, &late): // the WordPress plugins don't have it, whatever the worker has
		w.fail(reason.Error(), "Move it above that line.")
	case !missing:
		w.warn(reason.Error(), "What is set for the worker was checked instead; whether WordPress has the same is not known.")
	case c.required:
		w.fail(reason.Error(), writePlainly)
	default:
		w.warn(reason.Error(), writePlainly)
	}
}

const writePlainly = "Write the constant as a plain string, or give its value to this command as a setting."

// compare compares a constant with its setting.
func (w *wordpress) compare(c constant, value string) {
	worker, ok := config.NewParser(w.read).Text(c.name, *c.value, *c.file)
	switch {
	case !ok: // the check of the settings reports that
	case c.agrees(value, worker):
		w.agreed = append(w.agreed, c.name)
	case c.severity == Failure:
		w.fail(c.name+" "+c.difference(value, worker), "Make both the same, or run this with the settings of the worker that serves WordPress's app.")
	default:
		w.warn(c.name+" "+c.difference(value, worker), "Make both the same, unless they are meant to differ.")
	}
}

// checkAppOfFile finds WordPress's app among those of PILOTSYNC_CONFIG.
func (w *wordpress) checkAppOfFile(app string) {
	accounts, err := w.settings.AccountsFile(w.read)
	if err != nil || slices.ContainsFunc(accounts, func(a config.Account) bool { return slices.Contains(a.Apps, app) }) {
		return // the check of the settings reports an error
	}
	w.fail(fmt.Sprintf("%s is %q, which is in no account of %s: WordPress's changes will wait for ever", wpconfig.AppID, app, w.settings.Config),
		"Add the app to its account in PILOTSYNC_CONFIG.")
}

// all returns the results. The first one names the constants that are in order.
func (w *wordpress) all() []Result {
	var summary []string
	if w.copied != nil {
		summary = append(summary, "taken from it: "+strings.Join(w.copied, ", "))
	}
	if w.agreed != nil {
		summary = append(summary, "the same as the worker's: "+strings.Join(w.agreed, ", "))
	}
	switch {
	case summary != nil:
		return append([]Result{ok(CheckWPConfig, w.path+": "+strings.Join(summary, "; "))}, w.results...)
	case w.results != nil:
		return w.results
	}
	return []Result{warning(CheckWPConfig, fmt.Sprintf("%s defines none of %s", w.path, strings.Join(wpconfig.Names(), ", ")),
		"Name the network's own wp-config.php. Files that it includes aren't read: see what WordPress has with 'wp config get NAME'. Where Ultimate Multisite's wizard stored ServerPilot's settings, 'wp pilotsync env' prints them.")}
}
