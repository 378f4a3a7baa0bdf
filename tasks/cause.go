package tasks

import (
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Code names a cause for programs, as the reason of a Kubernetes condition does. Codes are a
// contract. Later releases may add codes, so a reader must accept those it doesn't know.
type Code string

// Cause is why a domain, or one of its names, is as it is: a code with its parameters. The
// catalogue ([Causes]) has the sentence and the remedy of each code. The zero Cause means
// that none is known.
type Cause struct {
	Code   Code   `json:"cause,omitempty"`
	Params Params `json:"params,omitzero"`
}

// Params are the parameters of a [Cause]. [Entry] says which of them a code has. Texts come
// from DNS, certificates and ServerPilot; they are sanitized when they are rendered.
type Params struct {
	Name     string    `json:"name,omitempty"`     // the host name that the cause is about
	App      string    `json:"app,omitempty"`      // the id of an app
	Names    []string  `json:"names,omitempty"`    // other host names
	Found    []string  `json:"found,omitempty"`    // addresses in DNS that are wrong, at most [MaxParamItems]
	Expected []string  `json:"expected,omitempty"` // addresses and networks that are right, at most [MaxParamItems]
	Served   string    `json:"served,omitempty"`   // the id of the app that ServerPilot serves
	Target   string    `json:"target,omitempty"`   // of an alias in DNS
	Provider string    `json:"provider,omitempty"` // of a proxy
	Record   string    `json:"record,omitempty"`   // the domain whose DNS record decides
	Issuers  []string  `json:"issuers,omitempty"`  // authorities that a CAA record allows
	Rule     Rule      `json:"rule,omitempty"`     // of a name that can't be certified
	Address  string    `json:"address,omitempty"`  // the server that was asked
	Issuer   string    `json:"issuer,omitempty"`   // of a certificate
	Until    time.Time `json:"until,omitzero"`     // when a certificate ends, or begins
	Since    time.Time `json:"since,omitzero"`     // when a server was last connected
	Message  string    `json:"message,omitempty"`  // what another program said
	By       string    `json:"by,omitempty"`       // the operator's name
	Would    string    `json:"would,omitempty"`    // what a sync would do, in words
	Count    int       `json:"count,omitempty"`    // names on a list
	Need     int       `json:"need,omitempty"`     // names that would still have to fit on it
	Limit    int       `json:"limit,omitempty"`    // names that it can hold
}

// Limits of a [Params]. The code that fills one in must keep to them, since anyone can write
// DNS records and certificates.
const (
	MaxParamItems = 10  // of each list
	MaxParamText  = 240 // characters of each text except a host name, which may have 253
)

// Sentence describes the cause, as a clause without a full stop. A code that this release
// doesn't know is its own description.
func (c Cause) Sentence() string { return c.render(func(e Entry) string { return e.Sentence }) }

// Remedy says what to do, in full sentences; empty if there is nothing to do.
func (c Cause) Remedy() string {
	if _, known := Lookup(c.Code); !known {
		return ""
	}
	return c.render(func(e Entry) string { return e.Remedy })
}

// IsProblem reports whether the cause's name doesn't work yet, or will soon stop working; see
// [Entry]. The zero Cause and codes that this release doesn't know are no problems.
func (c Cause) IsProblem() bool {
	e, known := Lookup(c.Code)
	return known && e.Problem
}

// Uses reports whether the cause's texts have a parameter, by its name in JSON.
func (c Cause) Uses(param string) bool {
	e, _ := Lookup(c.Code)
	return strings.Contains(e.Sentence+e.Remedy, "{"+param+"}")
}

func (c Cause) render(template func(Entry) string) string {
	e, known := Lookup(c.Code)
	if !known {
		return sanitize(string(c.Code))
	}
	return fill(template(e), c.Params.texts())
}

// texts returns the parameters as they are shown, by their names in JSON.
func (p Params) texts() map[string]string {
	texts := map[string]string{}
	v := reflect.ValueOf(p)
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		switch value := v.Field(i).Interface().(type) {
		case string:
			texts[name] = sanitize(value)
		case Rule:
			texts[name] = value.Text()
		case []string:
			texts[name] = someOf(value)
		case int:
			texts[name] = strconv.Itoa(value)
		case time.Time:
			texts[name] = timeText(name, value)
		}
	}
	texts["value"], texts["ipv6"] = p.addressTexts()
	return texts
}

// addressTexts returns the texts of {value} and {ipv6}, see [Entry]. Both come from the
// parameter expected.
func (p Params) addressTexts() (value, ipv6 string) {
	var values, networks []string
	for _, r := range addressRecords(parseExpected(p.Expected)) {
		if networks = append(networks, r.Networks...); r.Value != "" {
			values = append(values, r.Value)
		}
		if r.Type == "AAAA" {
			ipv6 = r.Value
		}
	}
	if len(networks) > 0 {
		return addressIn(networks), ""
	}
	return strings.Join(values, ", "), ipv6
}

// timeText returns the date of a certificate's end, and the minute of other times; empty for
// the zero time.
func timeText(name string, t time.Time) string {
	switch {
	case t.IsZero():
		return ""
	case name == "since":
		return t.UTC().Format("2006-01-02 15:04 UTC")
	}
	return t.UTC().Format(time.DateOnly)
}

// fill puts the parameters in the places that a template names in braces. A part in brackets
// is left out if a parameter in it is empty.
func fill(template string, texts map[string]string) string {
	var b strings.Builder
	for template != "" {
		before, part, found := strings.Cut(template, "[")
		b.WriteString(fillPart(before, texts))
		if !found {
			break
		}
		optional, rest, _ := strings.Cut(part, "]")
		if !lacksParam(optional, texts) {
			b.WriteString(fillPart(optional, texts))
		}
		template = rest
	}
	return b.String()
}

func fillPart(template string, texts map[string]string) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(template, "{")
		b.WriteString(before)
		name, after, closed := strings.Cut(rest, "}")
		if !found || !closed {
			return b.String()
		}
		b.WriteString(texts[name])
		template = after
	}
}

func lacksParam(template string, texts map[string]string) bool {
	for _, name := range placeholders(template) {
		if texts[name] == "" || texts[name] == "0" {
			return true
		}
	}
	return false
}

// placeholders returns the names of the parameters in a template.
func placeholders(template string) (names []string) {
	for {
		_, rest, found := strings.Cut(template, "{")
		name, after, closed := strings.Cut(rest, "}")
		if !found || !closed {
			return names
		}
		names, template = append(names, name), after
	}
}

// someOf joins the first items with commas: "a, b, c and 12 more".
func someOf(items []string) string {
	const shown = 3
	var clean []string
	for _, item := range items[:min(len(items), shown)] {
		clean = append(clean, sanitize(item))
	}
	s := strings.Join(clean, ", ")
	switch {
	case len(items) >= MaxParamItems: // the rest was left out
		s += " and at least " + strconv.Itoa(len(items)-shown) + " more"
	case len(items) > shown:
		s += " and " + strconv.Itoa(len(items)-shown) + " more"
	}
	return s
}

// sanitize makes a text from outside fit to show: on one line, without invisible characters
// or runs of spaces, at most [MaxParamText] characters.
func sanitize(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || !unicode.IsPrint(r) }), " ")
	if utf8.RuneCountInString(s) > MaxParamText {
		s = string([]rune(s)[:MaxParamText-1]) + "…"
	}
	return s
}
