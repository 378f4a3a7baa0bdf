package enqueue

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pilotsync/tasks"
	"pilotsync/test/redistest"
	"pilotsync/worker/listsync"
)

// The PHP library and the plugin have the catalogue of causes, too. Their copies are made from
// package tasks, and so are the cases that PHP's own tests render. With WRITE_DOCS=1, as 'make
// docs' has it, the test writes them instead.
func TestGeneratedCausesAreCurrent(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"php/src/Causes.php":               phpCatalogue(),
		"php/wordpress/src/CauseTexts.php": pluginTexts(),
		"../tasks/testdata/causes.json":    causeCases(t),
	} {
		if os.Getenv("WRITE_DOCS") != "" {
			if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, string(got)); diff != "" {
			t.Errorf("%s isn't what tasks/causes.go makes it: run 'make docs', then 'make texts' and translate what is new (-want +got)\n%s", path, diff)
		}
	}
}

func phpCatalogue() string {
	var b strings.Builder
	b.WriteString(`<?php

declare(strict_types=1);

namespace Pilotsync;

/** The catalogue of causes. Generated from tasks/causes.go by make docs; don't edit. */
final class Causes
{
    /** Of each code: sentence, remedy, who acts, and whether the name doesn't work, or won't soon. */
    public const ALL = [
`)
	for _, e := range tasks.Causes() {
		fmt.Fprintf(&b, "        %s => [%s, %s, %s, %t],\n", phpQuote(string(e.Code)), phpQuote(e.Sentence), phpQuote(e.Remedy), phpQuote(string(e.Actor)), e.Problem)
	}
	b.WriteString("    ];\n\n    /** The text of each rule. */\n    public const RULES = [\n")
	for _, r := range tasks.Rules() {
		fmt.Fprintf(&b, "        %s => %s,\n", phpQuote(string(r)), phpQuote(r.Text()))
	}
	b.WriteString("    ];\n\n    /** The kind of each parameter. */\n    public const PARAMS = [\n")
	for field := range reflect.TypeFor[tasks.Params]().Fields() {
		fmt.Fprintf(&b, "        %s => %s,\n", phpQuote(jsonName(field)), phpQuote(paramKind(field)))
	}
	b.WriteString("    ];\n}\n")
	return b.String()
}

// pluginTexts has the same texts in calls from which gettext takes them.
func pluginTexts() string {
	var b strings.Builder
	b.WriteString(`<?php
/**
 * The catalogue of causes in the user's language. Generated from tasks/causes.go by make docs; don't edit.
 *
 * @package Pilotsync
 */

namespace Pilotsync\WordPress;

/** The texts of Pilotsync\Causes, translated. */
final class CauseTexts {

	/**
	 * The sentence and the remedy of a code; empty if it isn't known.
	 *
	 * @return array{string, string}
	 */
	public static function of( string $code ): array {
		switch ( $code ) {
`)
	for _, e := range tasks.Causes() {
		fmt.Fprintf(&b, "\t\t\tcase %s:\n\t\t\t\treturn array(\n", phpQuote(string(e.Code)))
		for _, text := range []string{e.Sentence, e.Remedy} {
			if strings.Contains(text, "{") {
				b.WriteString("\t\t\t\t\t/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */\n")
			}
			fmt.Fprintf(&b, "\t\t\t\t\t__( %s, 'pilotsync' ),\n", phpQuote(text))
		}
		b.WriteString("\t\t\t\t);\n")
	}
	b.WriteString(`		}
		return array( '', '' );
	}

	/**
	 * The text of each rule.
	 *
	 * @return array<string, string>
	 */
	public static function rules(): array {
		return array(
`)
	for _, r := range tasks.Rules() {
		fmt.Fprintf(&b, "\t\t\t%s => __( %s, 'pilotsync' ),\n", phpQuote(string(r)), phpQuote(r.Text()))
	}
	b.WriteString("\t\t);\n\t}\n}\n")
	return b.String()
}

// phpQuote is a string literal of PHP.
func phpQuote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}

func jsonName(field reflect.StructField) string {
	name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
	return name
}

func paramKind(field reflect.StructField) string {
	switch t := field.Type; {
	case t == reflect.TypeFor[tasks.Rule]():
		return "rule"
	case t == reflect.TypeFor[time.Time]() && field.Name == "Since":
		return "time"
	case t == reflect.TypeFor[time.Time]():
		return "date"
	case t.Kind() == reflect.Slice:
		return "texts"
	case t.Kind() == reflect.Int:
		return "number"
	}
	return "text"
}

// renderedCause is a cause with its texts.
type renderedCause struct {
	tasks.Cause
	Sentence string `json:"sentence"`
	Remedy   string `json:"remedy"`
	Problem  bool   `json:"problem"`
}

func rendered(causes ...tasks.Cause) (all []renderedCause) {
	for _, c := range causes {
		all = append(all, renderedCause{Cause: c, Sentence: c.Sentence(), Remedy: c.Remedy(), Problem: c.IsProblem()})
	}
	return all
}

// causeCases has every code with all parameters and without any.
func causeCases(t *testing.T) string {
	t.Helper()
	full := tasks.Params{Name: "www.example.com", App: "app1", Names: []string{"a.example", "b.example", "c.example", "d.example", "e.example"},
		Found: []string{"203.0.113.9", "2001:db8::9"}, Expected: []string{"198.51.100.4"}, Target: "gone.example.net", Provider: "Cloudflare",
		Record: "example.com", Issuers: []string{"ca.example"}, Rule: tasks.RuleWildcard, Address: "198.51.100.4", Issuer: "R11",
		Until: time.Date(2026, 3, 1, 23, 59, 59, 123456789, time.FixedZone("", -3600)), Since: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC),
		Message: "it said\n\u202e\"no\" ", By: "ada", Would: "would be listed", Count: 300, Need: 2, Limit: 300}
	var causes []tasks.Cause
	for _, e := range tasks.Causes() {
		causes = append(causes, tasks.Cause{Code: e.Code, Params: full}, tasks.Cause{Code: e.Code})
	}
	for _, r := range append(tasks.Rules(), "a <later> rule\n") {
		causes = append(causes, tasks.Cause{Code: tasks.CauseNameNotCertifiable, Params: tasks.Params{Name: "example.com", Rule: r}})
	}
	long := tasks.Params{Message: strings.Repeat("ü", tasks.MaxParamText+1)}
	causes = append(causes, tasks.Cause{Code: "OfALater\nRelease", Params: full}, tasks.Cause{Code: tasks.CauseRefusedByServerPilot, Params: long}, tasks.Cause{})
	var lines []string
	for _, c := range rendered(causes...) {
		b, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(b))
	}
	return "[\n" + strings.Join(lines, ",\n") + "\n]\n"
}

// The PHP library makes the status that 'pilotsync status' prints, with each code and for each
// reason to wait.
func TestPHPsStatusOfEveryCodeEqualsGos(t *testing.T) {
	t.Parallel()
	php := requirePHP(t)
	url := redistest.Start(t)
	rdb := connect(t, url)
	random := rand.New(rand.NewPCG(15, 2))
	set := func(key, field string, value any) {
		t.Helper()
		b, err := json.Marshal(value)
		if err == nil {
			err = rdb.HSet(t.Context(), key, field, b).Err()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	at := time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.FixedZone("", 3600))
	for app, sync := range map[string][]any{"app1": nil, "app2": {"paused", "ada"}, "app3": {"trouble", "no card", "blocked", "1"}, "app4": {"trouble", "it is away"}} {
		var names []string
		rdb.SAdd(t.Context(), "pilotsync:apps", app)
		if sync != nil {
			rdb.HSet(t.Context(), "pilotsync:{"+app+"}:sync", sync...)
		}
		for i, e := range append(tasks.Causes(), tasks.Entry{Code: "OfALaterRelease"}, tasks.Entry{}) {
			name := fmt.Sprintf("d%02d.example.com", i)
			names = append(names, name)
			r := listsync.Record{Domain: name, Seq: int64(i + 1), Wanted: true, State: tasks.Failed, Names: []string{name}, UpdatedAt: at}
			if e.Code == "" {
				r.OldReason = "what release 0.1.0 said. Next: wait"
			} else {
				r.Cause = tasks.Cause{Code: e.Code, Params: randomParams(random)}
			}
			for range random.IntN(3) {
				r.Warnings = append(r.Warnings, tasks.Cause{Code: tasks.CauseDNSElsewhere, Params: randomParams(random)})
			}
			if random.IntN(2) == 0 {
				r.NextAttemptAt = &at
			}
			if random.IntN(2) == 0 {
				later := at.Add(time.Hour)
				r.RecheckAt = &later
			}
			if i%3 < 2 {
				set("pilotsync:{"+app+"}:domains", name, r)
			}
			if i%3 > 0 {
				c := listsync.Pending{Change: tasks.Change{AppID: app, Domain: name, Seq: int64(i + 100)}, Remove: i%2 == 0, RecordedAt: at}
				if i%5 == 0 {
					c.Preview = "would be listed"
				}
				set("pilotsync:{"+app+"}:pending", name, c)
			}
		}
		var got []map[string]any
		want := programsStatus(t, url, append([]string{"--app=" + app}, names...)...)
		php.run(t, names, &got, "status.php", url, app)
		if len(want) != len(names) {
			t.Fatalf("%d names have %d states", len(names), len(want))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("status on %s (-pilotsync +PHP):\n%.3000s", app, diff)
		}
	}
}

// Whatever the parameters are, PHP says what Go says.
func TestPHPRendersCausesAsGoDoes(t *testing.T) {
	t.Parallel()
	php := requirePHP(t)
	random := rand.New(rand.NewPCG(15, 1))
	var causes []tasks.Cause
	for range 20 {
		for _, e := range tasks.Causes() {
			causes = append(causes, tasks.Cause{Code: e.Code, Params: randomParams(random)})
		}
	}
	var got []renderedCause
	php.run(t, causes, &got, "causes.php")
	if len(got) != len(causes) {
		t.Fatalf("%d causes, but PHP rendered %d", len(causes), len(got))
	}
	for i, want := range rendered(causes...) {
		got[i].Cause = want.Cause // PHP prints the texts only
		if diff := cmp.Diff(want, got[i]); diff != "" {
			t.Fatalf("%s (-Go +PHP):\n%s", want.Code, diff)
		}
	}
}

// randomParams fills each parameter in half of the cases.
func randomParams(random *rand.Rand) (p tasks.Params) {
	pieces := []string{"example.com", " ", "\n", "\x1b[2J", "\u200b", "\u00a0", "ü", "寿司", "{name}", "[x]", "0", "<b>", "\"", "\u202e", "e\u0301", "\ufffd", "😀", strings.Repeat("long ", 30), strings.Repeat("…", 119), "198.51.100.4", "2001:db8::9", "203.0.113.0/24"}
	text := func() string {
		var b strings.Builder
		for range random.IntN(5) {
			b.WriteString(pieces[random.IntN(len(pieces))])
		}
		return b.String()
	}
	v := reflect.ValueOf(&p).Elem()
	for i := range v.NumField() {
		if random.IntN(2) == 0 {
			continue
		}
		switch field := v.Field(i); paramKind(v.Type().Field(i)) {
		case "text":
			field.SetString(text())
		case "rule":
			field.SetString(string(append(tasks.Rules(), tasks.Rule(text()))[random.IntN(len(tasks.Rules())+1)]))
		case "texts":
			for range random.IntN(tasks.MaxParamItems + 2) {
				field.Set(reflect.Append(field, reflect.ValueOf(text())))
			}
		case "number":
			field.SetInt(int64(random.IntN(3)))
		case "date", "time":
			at := time.Unix(random.Int64N(1<<33), random.Int64N(1e9)).In(time.FixedZone("", 60*(random.IntN(1600)-800)))
			field.Set(reflect.ValueOf(at))
		}
	}
	return p
}
