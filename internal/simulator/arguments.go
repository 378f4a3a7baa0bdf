package simulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// These checks don't use the rules of the program under test, because the simulator would
// then share its mistakes.

// arguments are the fields of a request's body. Unlike encoding/json, they compare letter case.
type arguments map[string]json.RawMessage

// argumentError says what is wrong with an argument. Without a rule, that is its type or its
// value as a whole.
type argumentError struct{ argument, rule string }

func (e argumentError) Error() string {
	if e.rule == "" {
		return "Invalid argument: " + e.argument
	}
	return e.rule
}

func invalid(argument, format string, args ...any) error {
	return argumentError{argument, fmt.Sprintf(format, args...)}
}

// badRequest is the answer to a request with a wrong argument.
func (s *Simulator) badRequest(err error) response {
	var wrong argumentError
	if s.opt.Undocumented.TerseErrors && errors.As(err, &wrong) {
		err = argumentError{argument: wrong.argument}
	}
	return errorResponse(http.StatusBadRequest, "%v.", err)
}

// readArguments reads a body: a JSON object with at least one of the call's arguments.
func (s *Simulator) readArguments(x *exchange) (arguments, error) {
	strict := s.opt.Undocumented.Strict
	if kind, _, err := mime.ParseMediaType(x.request.Header.Get("Content-Type")); strict && (err != nil || kind != "application/json") {
		return nil, errors.New("the Content-Type must be application/json")
	}
	var given arguments
	if err := json.Unmarshal(x.body, &given); err != nil || given == nil {
		return nil, errors.New("the body must be a JSON object")
	}
	known := strings.Fields(x.arguments)
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if !slices.Contains(known, name) {
			if strict {
				return nil, fmt.Errorf("unknown argument %q", name)
			}
			delete(given, name)
		}
	}
	if len(given) == 0 {
		return nil, fmt.Errorf("missing argument: %s", strings.Join(known, " or "))
	}
	return given, nil
}

// has reports whether an argument was given.
func (a arguments) has(name string) bool { return a[name] != nil }

// optional reads an argument into value, or leaves value as it is. null is a value of the wrong
// type.
func optional[T any](a arguments, name string, value *T) error {
	raw, given := a[name]
	if given && (string(raw) == "null" || json.Unmarshal(raw, value) != nil) {
		return argumentError{argument: name}
	}
	return nil
}

func required[T any](a arguments, name string, value *T) error {
	if !a.has(name) {
		return invalid(name, "missing argument: %s", name)
	}
	return optional(a, name, value)
}

// requiredOrNull is required for an argument that may be null.
func requiredOrNull[T any](a arguments, name string, value **T) error {
	if a.has(name) && string(a[name]) == "null" {
		return nil
	}
	*value = new(T)
	return required(a, name, *value)
}

// requiredText reads a text that must match a rule. The rule's name is its argument's.
func requiredText(a arguments, name string, value *string, rule *regexp.Regexp) error {
	if err := required(a, name, value); err != nil {
		return err
	}
	if !rule.MatchString(*value) {
		return invalid(name, "%s %q is not valid", name, *value)
	}
	return nil
}

// The rules of names. Those of SSH keys have any printable character but three.
var (
	serverName       = regexp.MustCompile(`^[a-z]([a-z0-9.-]{0,253}[a-z0-9])?$`)
	sysUserName      = regexp.MustCompile(`^[a-z][a-z0-9-]{2,31}$`)
	appName          = regexp.MustCompile(`^[a-z0-9]{3,30}$`)
	databaseName     = regexp.MustCompile(`^[a-z0-9-]{3,64}$`)
	databaseUserName = regexp.MustCompile(`^.{1,16}$`)
	sshKeyName       = regexp.MustCompile(`^[^<>"\pC\p{Zl}\p{Zp}]{1,50}$`)
)

// optionalPassword checks the password of a system user, a database user or WordPress. It isn't
// kept.
func optionalPassword(a arguments, argument string) error {
	if !a.has(argument) {
		return nil
	}
	var password string
	if err := optional(a, argument, &password); err != nil {
		return err
	}
	switch length := utf8.RuneCountInString(password); {
	case length < 8:
		return invalid(argument, "Password must be at least 8 characters")
	case length > 200:
		return invalid(argument, "Password must be at most 200 characters")
	case strings.TrimSpace(password) != password:
		return invalid(argument, "Password must not begin or end with a space")
	}
	return nil
}

func requiredPassword(a arguments, argument string) error {
	if !a.has(argument) {
		return invalid(argument, "missing argument: %s", argument)
	}
	return optionalPassword(a, argument)
}

// maxDomains is ServerPilot's limit for one app, since February 2024.
const maxDomains = 300

// domains reads the list that an app is to have, or returns nil if it wasn't given.
func (s *Simulator) domains(a arguments) ([]string, error) {
	if !a.has("domains") {
		return nil, nil
	}
	var list []string
	if optional(a, "domains", &list) != nil {
		return nil, invalid("domains", "domains must be an array of strings")
	}
	for _, name := range list {
		if !validDomain(name) {
			return nil, invalid("domains", "%q is not a valid domain", name)
		}
	}
	list, err := s.opt.Undocumented.accept(list)
	if err != nil {
		return nil, invalid("domains", "%v", err)
	}
	if len(list) > maxDomains {
		return nil, invalid("domains", "an app can have at most %d domains; %d were sent", maxDomains, len(list))
	}
	return list, nil
}

// hostName matches two or more labels of letters, digits and inner hyphens; the first label
// may be an asterisk. The last label must not be all digits, see validDomain.
var hostName = regexp.MustCompile(`^(\*\.)?([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$`)

var allDigits = regexp.MustCompile(`^[0-9]+$`)

// validDomain reports whether a list may have a name: a host name, a wildcard, or an IP address,
// which previews a site.
func validDomain(name string) bool {
	if address, err := netip.ParseAddr(name); err == nil {
		return address.Zone() == ""
	}
	last := name[strings.LastIndex(name, ".")+1:]
	return len(name) <= 253 && hostName.MatchString(name) && !allDigits.MatchString(last)
}
