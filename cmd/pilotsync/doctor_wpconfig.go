package main

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"pilotsync/internal/doctor"
	"pilotsync/internal/redisurl"
	"pilotsync/internal/wpconfig"
)

// constant is a constant of wp-config.php beside the setting that it stands for.
type constant struct {
	name        string
	value, file *string // the setting's two forms
	// needed: without it no worker works.
	needed bool
	// failure: nothing works if they don't agree.
	failure bool
	// agrees compares what both have; differs says what follows if they don't agree.
	agrees  func(wordpress, worker string) bool
	differs func(wordpress, worker string) string
}

func constants(s *workerSettings) []constant {
	same := func(a, b string) bool { return a == b }
	among := func(cut func(string) []string) func(string, string) bool {
		return func(wordpress, worker string) bool {
			return slices.ContainsFunc(cut(wordpress), func(one string) bool { return slices.Contains(cut(worker), one) })
		}
	}
	hidden := func(what string) func(string, string) string {
		return func(string, string) string { return what }
	}
	one := s.Config == "" // else the accounts are in the file
	return []constant{
		{wpconfig.ClientID, &s.ClientID, &s.ClientIDFile, one, false, same, hidden("is another client id than the worker's")},
		{wpconfig.APIKey, &s.APIKey, &s.APIKeyFile, one, false, same, hidden("is another key than the worker's; an account has one active key")},
		{wpconfig.AppID, &s.AppID, &s.AppIDFile, one, true, among(fields), func(wordpress, worker string) string {
			return fmt.Sprintf("is %q, which is not among the worker's (%s): WordPress's changes will wait for ever", wordpress, worker)
		}},
		{wpconfig.RedisURL, &s.RedisURL, &s.RedisURLFile, false, false, redisurl.Same, func(wordpress, worker string) string {
			return fmt.Sprintf("is %s, and the worker's is %s; if they aren't the same Redis, no change arrives", redisurl.Redacted(wordpress), redisurl.Redacted(worker))
		}},
		{wpconfig.WebhookSecret, &s.WebhookSecret, &s.WebhookSecretFile, false, false, among(strings.Fields), hidden("has no secret in common with the worker's: WordPress will refuse every event")},
	}
}

// fromWordPress fills in settings that are missing from a wp-config.php, and
// compares those that aren't: WordPress and the worker have to agree.
func fromWordPress(s *workerSettings, path string, read readFile) []doctor.Result {
	result := func(status doctor.Status, detail, remedy string) doctor.Result {
		return doctor.Result{Check: doctor.CheckWPConfig, Status: status, Detail: detail, Remedy: remedy}
	}
	source, err := read(path)
	if err == nil && len(source) > wpconfig.MaxSize {
		err = fmt.Errorf("%s has more than %d bytes", path, wpconfig.MaxSize)
	}
	if err != nil {
		return []doctor.Result{result(doctor.Failure, "it can't be read: "+err.Error(), "Name a wp-config.php that this user can read, or run this as a user who can.")}
	}
	found := wpconfig.Parse(source)
	var results []doctor.Result
	var taken, agreed []string
	for _, c := range constants(s) {
		value, certain := found.Values[c.name]
		missing := *c.value == "" && *c.file == ""
		if refused := found.Refused[c.name]; refused != nil {
			status, remedy := doctor.Warning, "What is set for the worker was checked instead; whether WordPress has the same is not known."
			var late *wpconfig.LateError
			switch {
			case errors.As(refused, &late): // WordPress's plugins don't have it, whatever the worker has
				status, remedy = doctor.Failure, "Move it above that line."
			case missing:
				remedy = "Write the constant as a plain string, or give its value to this command as a setting."
				if c.needed {
					status = doctor.Failure
				}
			}
			results = append(results, result(status, refused.Error(), remedy))
			continue
		}
		switch {
		case !certain && missing && c.needed:
			results = append(results, result(doctor.Failure, fmt.Sprintf("%s isn't defined in %s (files that it includes are not read)", c.name, path),
				"Define it there, or set it for this command."))
		case !certain && c.name == wpconfig.RedisURL && len(found.Values)+len(found.Refused) > 0:
			results = append(results, result(doctor.Warning, fmt.Sprintf("%s isn't defined in %s (files that it includes are not read): without it the plugin does nothing", c.name, path),
				"Define it there, above the require of wp-settings.php, if WordPress has the plugin."))
		case !certain:
		case missing && (c.needed || c.name == wpconfig.RedisURL || c.name == wpconfig.WebhookSecret):
			*c.value = value
			taken = append(taken, c.name)
		case missing: // the accounts are in PILOTSYNC_CONFIG
			if c.name == wpconfig.AppID {
				results = append(results, appOfFile(s, value, read, result)...)
			}
		default:
			w := wrong{}
			worker, ok := read.either(&w, c.name, *c.value, *c.file)
			if !ok {
				continue // the settings' own check says so
			}
			if c.agrees(value, worker) {
				agreed = append(agreed, c.name)
				continue
			}
			status, remedy := doctor.Warning, "Make both the same, unless they are meant to differ."
			if c.failure {
				status, remedy = doctor.Failure, "Make both the same, or run this with the settings of the worker that serves WordPress's app."
			}
			results = append(results, result(status, c.name+" "+c.differs(value, worker), remedy))
		}
	}
	worker, _ := read.either(&wrong{}, wpconfig.RedisURL, s.RedisURL, s.RedisURLFile)
	results = append(results, cacheResults(found, cmp.Or(found.Values[wpconfig.RedisURL], worker, defaultRedisURL))...)
	for _, name := range slices.Sorted(maps.Keys(found.Unknown)) {
		results = append(results, result(doctor.Warning, fmt.Sprintf("%s (line %d) is a constant that nothing reads", name, found.Unknown[name]),
			fmt.Sprintf("Correct the name: %s is the nearest.", nearestSetting(name, wpconfig.Constants()))))
	}
	var said []string
	if taken != nil {
		said = append(said, "taken from it: "+strings.Join(taken, ", "))
	}
	if agreed != nil {
		said = append(said, "the same as the worker's: "+strings.Join(agreed, ", "))
	}
	if said == nil {
		if results != nil {
			return results
		}
		return []doctor.Result{result(doctor.Warning, fmt.Sprintf("%s defines none of %s", path, strings.Join(wpconfig.Names(), ", ")),
			"Name the network's own wp-config.php. Files that it includes aren't read: see what WordPress has with 'wp config get NAME'. Where Ultimate Multisite's wizard stored ServerPilot's settings, 'wp pilotsync env' prints them.")}
	}
	return append([]doctor.Result{result(doctor.OK, path+": "+strings.Join(said, "; "), "")}, results...)
}

// appOfFile compares WordPress's app with those of a PILOTSYNC_CONFIG.
func appOfFile(s *workerSettings, app string, read readFile, result func(doctor.Status, string, string) doctor.Result) []doctor.Result {
	file, err := read.accounts(s.Config, s.keys())
	if err != nil {
		return nil // the settings' own check says so
	}
	for _, a := range file.accounts {
		if slices.Contains(a.Apps, app) {
			return nil
		}
	}
	return []doctor.Result{result(doctor.Failure, fmt.Sprintf("%s is %q, which is in no account of %s: WordPress's changes will wait for ever", wpconfig.AppID, app, s.Config),
		"Add the app to its account in PILOTSYNC_CONFIG.")}
}
