package ledger

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"pilotsync/tasks"
	"pilotsync/worker/listsync"
)

// A domain's history is most of what it takes in Redis, so a line is short:
//
//	form  one byte, [lineForm]
//	At    a varint (that of encoding/binary): ns since 1970
//	rest  JSON, an array: actor, state, action, attempt, causes (the entry's own first), AutoSSL,
//	      reason of an entry without a code, id of ServerPilot's action. Empty values at its
//	      end are left out. [lineParts] are single bytes
//
// A cause is an array: code, parameters, and the names whose check has this cause, with [self]
// for the domain. Parameters that the reader knows are left out. These are the name and the app
// that the line is about, and the addresses that DNS should have, which the record has.
//
// Every form begins with its number and At, for programs that don't know it. A line that
// begins with "{" is the whole entry as JSON, as release 0.1.0 wrote it.
const lineForm = 2

// self stands for the domain. It is no part of any host name.
const self = "@"

// lineParts are frequent parts of a line's JSON. Each is one byte in the line: its index and 14. JSON
// text has none of these bytes. New parts come last, up to 18 in all, and none changes: otherwise
// lines couldn't be read.
var lineParts = []string{
	`","checking-dns","verify",`, `","checking-ssl-cert","verify",`, `","done","verify",`,
	`","done-without-ssl","verify",`, `","failed","verify",`,
	`,[["Works",{"issuer":"Let's Encrypt","until":"`, `,[["DNSElsewhere",{"found":["`,
	`,[["CertificateNotReady",{}`, `,[["CertificateDoesNotCover",{}`,
	`,"@","www.@"]]]`, `,"@","www.@"]`,
}

// partReplacers return what shortens a line's JSON, and what makes it JSON again.
var partReplacers = sync.OnceValues(func() (shorten, restore *strings.Replacer) {
	var parts, bytes []string
	for i, part := range lineParts {
		short := string(rune(14 + i))
		parts, bytes = append(parts, part, short), append(bytes, short, part)
	}
	return strings.NewReplacer(parts...), strings.NewReplacer(bytes...)
})

// lineCodec writes and reads the lines of one domain's history.
type lineCodec struct {
	app, domain string
}

func newLineCodec(app, domain string) *lineCodec {
	return &lineCodec{app: app, domain: domain}
}

// lineCause is a cause in a line, without the parameters that the reader knows. checks are the
// names whose check has this cause.
type lineCause struct {
	code   tasks.Code
	params tasks.Params
	checks []string
}

// encode returns the line of an entry.
func (l *lineCodec) encode(e listsync.HistoryEntry) string {
	var causes []lineCause
	if e.Code != "" || len(e.Checks) > 0 {
		causes = []lineCause{l.shorten(e.Cause, l.domain)}
	}
	for _, check := range e.Checks {
		causes = l.addCheck(causes, check)
	}
	reason := ""
	if e.Code == "" {
		reason = e.Reason
	}
	body := []any{e.Actor, e.State, e.Action, e.Attempt, encodeCauses(causes), e.AutoSSL, reason, e.ActionID}
	for len(body) > 5 && body[len(body)-1] == "" {
		body = body[:len(body)-1]
	}
	head := binary.AppendVarint([]byte{lineForm}, e.At.UnixNano())
	shorten, _ := partReplacers()
	return string(head) + shorten.Replace(encode(body))
}

func encodeCauses(causes []lineCause) [][]any {
	all := make([][]any, len(causes))
	for i, c := range causes {
		all[i] = []any{c.code, c.params}
		for _, name := range c.checks {
			all[i] = append(all[i], name)
		}
	}
	return all
}

func (l *lineCodec) addCheck(causes []lineCause, check listsync.NameResult) []lineCause {
	name := check.Name
	if base, ok := strings.CutSuffix(name, l.domain); ok {
		name = base + self
	}
	found := l.shorten(check.Cause, check.Name)
	for i, c := range causes {
		if c.code == found.code && reflect.DeepEqual(c.params, found.params) {
			causes[i].checks = append(c.checks, name)
			return causes
		}
	}
	found.checks = []string{name}
	return append(causes, found)
}

func (l *lineCodec) shorten(c tasks.Cause, name string) lineCause {
	if c.Params.Name == name && aboutName(c) {
		c.Params.Name = ""
	}
	if c.Params.App == l.app {
		c.Params.App = ""
	}
	c.Params.Expected = nil
	return lineCause{code: c.Code, params: c.Params}
}

// aboutName reports whether a cause is about a name, which a line can leave out. Codes of later
// releases count as such.
func aboutName(c tasks.Cause) bool {
	_, known := tasks.Lookup(c.Code)
	return c.Code == tasks.CauseWorks || c.Code != "" && !known || c.Uses("name")
}

func (l *lineCodec) restore(c lineCause, name string) tasks.Cause {
	cause := tasks.Cause{Code: c.code, Params: c.params}
	if c.params.Name == "" && aboutName(cause) {
		cause.Params.Name = name
	}
	if cause.Uses("app") && c.params.App == "" {
		cause.Params.App = l.app
	}
	return cause
}

func (l *lineCodec) decode(line string) (listsync.HistoryEntry, error) {
	if line == "" || line[0] == 0 || line[0] >= ' ' {
		return decodeFirstRelease(line)
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
	if err := l.decodeBody(&e, line[len(line)-rest.Len():]); err != nil {
		return listsync.HistoryEntry{}, fmt.Errorf("the text of a line: %w", err)
	}
	return e, nil
}

func (l *lineCodec) decodeBody(e *listsync.HistoryEntry, body string) error {
	_, restore := partReplacers()
	var parts []json.RawMessage
	if err := json.Unmarshal([]byte(restore.Replace(body)), &parts); err != nil {
		return err
	}
	var causes []json.RawMessage
	if err := decodeArray(parts, &e.Actor, &e.State, &e.Action, &e.Attempt, &causes, &e.AutoSSL, &e.Reason, &e.ActionID); err != nil {
		return err
	}
	for i, raw := range causes {
		c, err := decodeLineCause(raw)
		if err != nil {
			return err
		}
		if i == 0 {
			e.Cause = l.restore(c, l.domain)
		}
		for _, name := range c.checks {
			if base, ok := strings.CutSuffix(name, self); ok {
				name = base + l.domain
			}
			found := l.restore(c, name)
			e.Checks = append(e.Checks, listsync.NameResult{Name: name, Cause: found, Result: found.Sentence()})
		}
	}
	// Names that share the entry's cause come first in a line.
	slices.SortStableFunc(e.Checks, func(a, b listsync.NameResult) int { return cmp.Compare(len(a.Name), len(b.Name)) })
	if e.Code != "" {
		e.Reason = e.Describe()
	}
	return nil
}

func decodeLineCause(raw json.RawMessage) (c lineCause, err error) {
	var parts []json.RawMessage
	if err := json.Unmarshal(raw, &parts); err != nil {
		return c, err
	}
	if err := decodeArray(parts, &c.code, &c.params); err != nil {
		return c, err
	}
	c.checks = make([]string, len(parts[min(len(parts), 2):]))
	for i := range c.checks {
		if err := json.Unmarshal(parts[2+i], &c.checks[i]); err != nil {
			return c, err
		}
	}
	return c, nil
}

// decodeArray decodes the first elements of an array; those that are missing stay zero.
func decodeArray(parts []json.RawMessage, into ...any) error {
	for i, part := range parts[:min(len(parts), len(into))] {
		if err := json.Unmarshal(part, into[i]); err != nil {
			return err
		}
	}
	return nil
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
		e.Checks = append(e.Checks, listsync.NameResult{Name: c.Name, Result: strings.TrimSuffix(c.DNS+"; "+c.TLS, "; ")})
	}
	return e, nil
}
