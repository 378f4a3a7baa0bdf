package ledger

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"

	"pilotsync/tasks"
	"pilotsync/worker/listsync"
)

// A domain's history is most of what it takes in Redis, so a line is short:
//
//	form  one byte, [lineForm]
//	At    a varint (that of encoding/binary): ns since 1970
//	rest  JSON, see [lineBody]
//
// Every form begins with its number and At, for programs that don't know it. A line that
// begins with "{" is the whole entry as JSON, as release 0.1.0 wrote it.
const lineForm = 2

// lineBody is the JSON of a line.
type lineBody struct {
	Actor   string          `json:"w,omitempty"`
	State   tasks.State     `json:"s,omitempty"`
	Action  listsync.Action `json:"a,omitempty"`
	Attempt int             `json:"n,omitempty"`
	AutoSSL string          `json:"l,omitempty"`
	Reason  string          `json:"r,omitempty"` // of an entry without a code
	Causes  []lineCause     `json:"c,omitempty"` // the first is the entry's own
}

// lineCause is a cause, with the names that a check found so. In a name, and in the
// parameter name, [self] stands for the domain; in the parameter of a checked name, for that.
type lineCause struct {
	Code   tasks.Code   `json:"c,omitempty"`
	Params tasks.Params `json:"p,omitzero"`
	Checks []string     `json:"n,omitempty"`
}

// self is no part of any host name.
const self = "@"

// encodeLine writes an entry of a domain as a line of its history.
func encodeLine(domain string, e listsync.HistoryEntry) string {
	body := lineBody{Actor: e.Actor, State: e.State, Action: e.Action, Attempt: e.Attempt, AutoSSL: e.AutoSSL}
	if e.Code == "" {
		body.Reason = e.Reason
	}
	if e.Code != "" || len(e.Checks) > 0 {
		body.Causes = []lineCause{shorten(e.Cause, domain)}
	}
	for _, check := range e.Checks {
		body.add(domain, check)
	}
	head := binary.AppendVarint([]byte{lineForm}, e.At.UnixNano())
	return string(head) + encode(body)
}

func (b *lineBody) add(domain string, check listsync.Check) {
	name := check.Name
	if base, ok := strings.CutSuffix(name, domain); ok {
		name = base + self
	}
	found := shorten(check.Cause, check.Name)
	for i, c := range b.Causes {
		if c.Code == found.Code && reflect.DeepEqual(c.Params, found.Params) {
			b.Causes[i].Checks = append(c.Checks, name)
			return
		}
	}
	found.Checks = []string{name}
	b.Causes = append(b.Causes, found)
}

func shorten(c tasks.Cause, name string) lineCause {
	if name != "" && c.Params.Name == name {
		c.Params.Name = self
	}
	return lineCause{Code: c.Code, Params: c.Params}
}

func (c lineCause) cause(name string) tasks.Cause {
	if c.Params.Name == self {
		c.Params.Name = name
	}
	return tasks.Cause{Code: c.Code, Params: c.Params}
}

// lineReader reads the lines of one domain's history.
type lineReader struct {
	domain string
	old    oldLineReader
}

func newLineReader(app, domain string) *lineReader {
	return &lineReader{domain: domain, old: oldLineReader{dictionary: lineDictionary(app, domain)}}
}

func (r *lineReader) decode(line string) (listsync.HistoryEntry, error) {
	switch {
	case line == "" || line[0] == 0 || line[0] >= ' ':
		return decodeFirstRelease(line)
	case line[0] == oldLineForm:
		return r.old.decode(line)
	}
	rest := strings.NewReader(line[1:])
	at, err := binary.ReadVarint(rest)
	if err != nil {
		return listsync.HistoryEntry{}, fmt.Errorf("the time of a line of form %d: %w", line[0], err)
	}
	e := listsync.HistoryEntry{At: time.Unix(0, at).UTC()}
	if line[0] != lineForm {
		e.Actor = "a newer pilotsync"
		e.Reason = fmt.Sprintf("this line is of form %d, which only a newer pilotsync can read", line[0])
		return e, nil
	}
	var body lineBody
	if err := json.NewDecoder(rest).Decode(&body); err != nil {
		return listsync.HistoryEntry{}, fmt.Errorf("the text of a line: %w", err)
	}
	body.fill(&e, r.domain)
	return e, nil
}

func (b lineBody) fill(e *listsync.HistoryEntry, domain string) {
	e.Actor, e.State, e.Action, e.Attempt, e.AutoSSL, e.Reason = b.Actor, b.State, b.Action, b.Attempt, b.AutoSSL, b.Reason
	for i, c := range b.Causes {
		if i == 0 {
			e.Cause = c.cause(domain)
		}
		for _, name := range c.Checks {
			if base, ok := strings.CutSuffix(name, self); ok {
				name = base + domain
			}
			found := c.cause(name)
			e.Checks = append(e.Checks, listsync.Check{Name: name, Cause: found, Result: found.Sentence()})
		}
	}
	if e.Code != "" {
		e.Reason = e.Describe()
	}
}

// decodeFirstRelease reads a line of release 0.1.0.
func decodeFirstRelease(line string) (listsync.HistoryEntry, error) {
	type firstCheck struct{ Name, DNS, TLS string }
	old, err := decodeJSON[struct {
		At      time.Time    `json:"at"`
		State   tasks.State  `json:"state"`
		Reason  string       `json:"reason"`
		Attempt int          `json:"attempt"`
		Actor   string       `json:"who"`
		Checks  []firstCheck `json:"checks"`
		AutoSSL string       `json:"autossl"`
	}](line)
	if err != nil {
		return listsync.HistoryEntry{}, err
	}
	e := listsync.HistoryEntry{At: old.At, State: old.State, Reason: old.Reason, Attempt: old.Attempt, Actor: old.Actor, AutoSSL: old.AutoSSL}
	for _, c := range old.Checks {
		e.Checks = append(e.Checks, oldCheck(c.Name, c.DNS, c.TLS))
	}
	return e, nil
}
