package config

import (
	"fmt"
	"strings"

	"pilotsync/internal/keytext"
	"pilotsync/internal/redisurl"
	"pilotsync/internal/text"
	"pilotsync/internal/wpconfig"
)

// ReadFile is [safefile.Read], [Files.ReadFile], or a replacement in tests.
type ReadFile func(name string) ([]byte, error)

// Parser turns the text of settings into values. It continues after a wrong setting, so one
// [Error] names all of them.
type Parser struct {
	read     ReadFile
	problems []string
	keyFiles []string
}

// NewParser returns a parser that reads files with read.
func NewParser(read ReadFile) *Parser { return &Parser{read: read} }

// Problems has a line for each wrong setting. None shows a secret.
func (p *Parser) Problems() []string { return p.problems }

// KeyFiles are the files that keys, passwords and secrets were read from.
func (p *Parser) KeyFiles() []string { return p.keyFiles }

// Err is an [Error] with all problems, or nil.
func (p *Parser) Err() error {
	if p.problems == nil {
		return nil
	}
	return Error(p.problems)
}

// Error names the wrong settings, one in each line. It shows no secret.
type Error []string

// Error implements error.
func (e Error) Error() string {
	if len(e) == 1 {
		return e[0]
	}
	return fmt.Sprintf("%d settings are wrong:\n%s", len(e), strings.Join(e, "\n"))
}

// reject records a setting whose value may be shown; rule says what it takes.
func (p *Parser) reject(variable, value, rule string) {
	is := "is not set"
	switch {
	case value == "":
	case variable == "PILOTSYNC_WEBHOOK_URL": // its path or query may hold a key
		is = fmt.Sprintf("is %q", text.HostOnly(value))
	case variable == "SERVERPILOT_API_URL", strings.Contains(value, "://"):
		is = fmt.Sprintf("is %q", redisurl.Redacted(value))
	default:
		is = fmt.Sprintf("is %q", value)
	}
	p.rejectSecret(variable, is+"; "+rule)
}

// rejectSecret records a setting without its value.
func (p *Parser) rejectSecret(variable, problem string) {
	p.problems = append(p.problems, fmt.Sprintf("%s (--%s) %s", variable, FlagOf(variable), problem))
}

// parseSetting returns a setting's value; parse's error says what it takes.
func parseSetting[T any](p *Parser, variable, value string, parse func(string) (T, error)) T {
	v, err := parse(value)
	if err != nil {
		p.reject(variable, value, err.Error())
	}
	return v
}

// FlagOf is the flag of a variable: its name without the prefix.
func FlagOf(variable string) string {
	for _, prefix := range []string{"PILOTSYNC_", "SERVERPILOT_", "WU_SERVER_PILOT_"} {
		variable = strings.TrimPrefix(variable, prefix)
	}
	return strings.ReplaceAll(strings.ToLower(variable), "_", "-")
}

// Text returns the value of a variable or of its …_FILE form; empty if both are unset. ok is
// false if the parser has recorded a problem.
func (p *Parser) Text(variable, value, file string) (text string, ok bool) {
	form := formOf(variable)
	switch {
	case file == "":
		text, err := keytext.Clean(value, form)
		if err != nil {
			p.rejectSecret(variable, err.Error())
		}
		return text, err == nil
	case value != "":
		p.rejectSecret(variable, fmt.Sprintf("and %s_FILE (--%s) are both set; it takes one of them", variable, FlagOf(variable+"_FILE")))
		return "", false
	}
	text, err := p.read.Text(file, form)
	if err != nil {
		p.reject(variable+"_FILE", file, err.Error())
		return "", false
	}
	if variable != "WU_SERVER_PILOT_CLIENT_ID" && variable != "WU_SERVER_PILOT_APP_ID" { // these are no secrets
		p.keyFiles = append(p.keyFiles, file)
	}
	return text, true
}

// formOf returns the form of a variable's text.
func formOf(variable string) keytext.Form {
	switch variable {
	case "REDIS_URL", wpconfig.RedisURL:
		return keytext.URL
	case "WU_SERVER_PILOT_APP_ID", "PILOTSYNC_WEBHOOK_SECRET":
		return keytext.List
	}
	return keytext.Word
}
