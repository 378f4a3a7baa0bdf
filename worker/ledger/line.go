package ledger

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/klauspost/compress/flate"

	"pilotsync/tasks"
	"pilotsync/worker/listsync"
)

// A domain's history is most of what it takes in Redis, and a line of it says nearly
// the same as the lines of all other domains. So a line holds what differs:
//
//	form     one byte, [lineForm]
//	At       a varint (that of encoding/binary): ns since 1970
//	Attempt  a varint
//	text     in DEFLATE (RFC 1951), with [lineWords] as its dictionary: Actor, State, Reason,
//	         AutoSSL, and for each check Name, DNS, TLS; with a zero byte between any two
//
// It stands on its own, since older lines are trimmed away. An event that doesn't fit
// (long, with odd bytes, without a time) is kept as JSON, as all were at first; such a
// line begins with "{".

// lineForm is the form that is written. Lines lie in Redis for years, and the
// dictionary is part of their form: one changed byte of it, and they can't be read any
// more. So lineWords never changes; better words are those of form 2, beside form 1.
// Every form begins with its number and At, for programs that don't know it.
const lineForm = 1

// maxLineText is how long the text of a line may be, in bytes: some times what a
// verification ever says. A broken line of this form can't blow up to more.
const maxLineText = 16 << 10

// lineWords is what events say, with @ for the domain and # for the app; the most usual
// last, since what is near is shorter to point at. See [lineForm] before you touch it.
const lineWords = "isn't a public address (private network), so it wasn't connected to" +
	"; if that is meant to be, set PILOTSYNC_ALLOW_PRIVATE_ADDRESSES; otherwise give the name a public address" +
	"where this app's server is isn't known: set PILOTSYNC_EXPECTED_ADDRESSES to the address of the app's server" +
	" has an AAAA record , which isn't this app's server: remove it or add it to PILOTSYNC_EXPECTED_ADDRESSES" +
	"could not be checked yet: the app's custom certificate doesn't cover it: install a certificate that covers @ on app # in ServerPilot" +
	", or remove the custom one so that AutoSSL can take overbrowsers refuse the app's custom certificate: replace the custom certificate of " +
	"ServerPilot couldn't be askeda custom certificate is installedServerPilot refused to turn AutoSSL on: turn it on: " +
	"AutoSSL is off, though a certificate is ready; turn AutoSSL on for AutoSSL was turned on only just now; " +
	" accepts connections on port , but doesn't finish the TLS handshake (timeout) answers in plain HTTP on port " +
	" refuses connections on port 443 doesn't answer on port 443 (timeout) can't be reached on port 443: " +
	"closes the connection during the TLS handshake on port 443; next: check that the server runs and that its firewall lets HTTPS through" +
	" expired on  isn't valid before  is self-signed comes from an authority that isn't trusted, or an intermediate certificate is missing" +
	", not for wasn't checkedthe DNS lookup of @ failed (no answer in time), which doesn't mean that its records are wrong" +
	". Next: check that the domain's name servers answerlookup failed: no answer in timeis an alias (CNAME) of , which has no A or AAAA record" +
	"its certificate ends on  and was not renewed yet; doesn't work (look 1 of 3): " +
	"asked for again: nothing changedput back was on the list alreadyits names on the list are now @, www.@" +
	"\x00rejected\x00the app's list holds 300 names of at most 300; @ would need 2 more" +
	"site 1\x00pending\x00asked to be taken off the list\x00\x00removed\x00taken off the list\x00" +
	"request\x00pending\x00asked to be put on the list\x00\x00checking-dns\x00put on the list\x00" +
	"turned on just now for @, www.@\x00" +
	"\x00failed\x00@ doesn't exist in DNS, or has no A or AAAA record; this app is on \x00@\x00" +
	"doesn't exist in DNS, or has no A or AAAA record\x00\x00www.@\x00" +
	". Next: make @ point to  and nowhere else, then have it verified again" +
	"\x00checking-dns\x00@ points to ; this app is on \x00no certificate ready yet\x00@\x00points to \x00\x00www.@\x00points to " +
	"; warning: www.@ points to ; warning: www.@ points here, but the certificate at  is for " +
	"\x00checking-ssl-cert\x00@ points here, but ServerPilot has no certificate ready yet; " +
	"issuing usually takes 5–15 minutes after DNS points here\x00no certificate ready yet\x00@\x00points here (" +
	"\x00done-without-ssl\x00@ points here, but the certificate ServerPilot has ready doesn't cover it (it covers no name)" +
	". Next: look at the SSL settings of app # in ServerPilot, then have it verified again (on its page, or: pilotsync verify DOMAIN).\x00on\x00@\x00" +
	"points here ()\x00the certificate at  is for  only\x00www.@\x00points here (" +
	"worker-\x00done\x00certificate valid until 202 (Let's Encrypt)\x00on for @, www.@\x00@\x00points here (" +
	")\x00certificate valid until 202 (Let's Encrypt)\x00www.@\x00points here ("

// lineDictionary are the words as they are about one domain.
func lineDictionary(app, domain string) []byte {
	return []byte(strings.NewReplacer("@", domain, "#", app).Replace(lineWords))
}

// encodeLine writes an event of a domain as a line of its history.
func encodeLine(app, domain string, e listsync.HistoryEntry) string {
	text, ok := lineText(e)
	if !ok {
		return encode(e)
	}
	var line bytes.Buffer
	head := binary.AppendVarint([]byte{lineForm}, e.At.UnixNano())
	line.Write(binary.AppendVarint(head, int64(e.Attempt)))
	// It needs none of the 600 KB that a writer of compress/flate has to be given.
	if err := flate.StatelessDeflate(&line, []byte(text), true, lineDictionary(app, domain)); err != nil {
		return encode(e) // a bytes.Buffer takes all; if ever, it is kept all the same
	}
	return line.String()
}

// lineText joins the texts of an event; ok is false if they can't be told apart again,
// or if the time isn't one that a number of ns says.
func lineText(e listsync.HistoryEntry) (text string, ok bool) {
	parts := []string{e.Actor, string(e.State), e.Reason, e.AutoSSL}
	for _, c := range e.Checks {
		parts = append(parts, c.Name, c.DNS, c.TLS)
	}
	text = strings.Join(parts, "\x00")
	_, offset := e.At.Zone()
	ok = len(text) <= maxLineText && strings.Count(text, "\x00") == len(parts)-1 && utf8.ValidString(text) &&
		offset == 0 && time.Unix(0, e.At.UnixNano()).Equal(e.At)
	return text, ok
}

// lineReader reads the lines of one domain's history.
type lineReader struct {
	dictionary []byte
	inflater   io.ReadCloser // nil until a line needs it
}

func newLineReader(app, domain string) *lineReader {
	return &lineReader{dictionary: lineDictionary(app, domain)}
}

func (r *lineReader) decode(line string) (listsync.HistoryEntry, error) {
	if line == "" || line[0] != lineForm {
		if line != "" && line[0] > 0 && line[0] < ' ' {
			return newerLine(line)
		}
		return decodeJSON[listsync.HistoryEntry](line)
	}
	rest := strings.NewReader(line[1:])
	at, err := binary.ReadVarint(rest)
	if err != nil {
		return listsync.HistoryEntry{}, fmt.Errorf("the time of a line: %w", err)
	}
	attempt, err := binary.ReadVarint(rest)
	if err != nil {
		return listsync.HistoryEntry{}, fmt.Errorf("the attempt of a line: %w", err)
	}
	text, err := r.inflate(rest)
	if err != nil {
		return listsync.HistoryEntry{}, fmt.Errorf("the text of a line: %w", err)
	}
	parts := strings.Split(text, "\x00")
	if len(parts) < 4 || len(parts)%3 != 1 {
		return listsync.HistoryEntry{}, fmt.Errorf("the text of a line has %d parts; it takes 4, and 3 for each check", len(parts))
	}
	e := listsync.HistoryEntry{At: time.Unix(0, at).UTC(), Attempt: int(attempt),
		Actor: parts[0], State: tasks.State(parts[1]), Reason: parts[2], AutoSSL: parts[3]}
	for c := parts[4:]; len(c) > 0; c = c[3:] {
		e.Checks = append(e.Checks, listsync.Check{Name: c[0], DNS: c[1], TLS: c[2]})
	}
	return e, nil
}

// newerLine reads what all forms have alike. The rest of such a line is for others to
// read; those beside it are in the history of this program's readers all the same.
func newerLine(line string) (listsync.HistoryEntry, error) {
	at, err := binary.ReadVarint(strings.NewReader(line[1:]))
	if err != nil {
		return listsync.HistoryEntry{}, fmt.Errorf("the time of a line of form %d: %w", line[0], err)
	}
	return listsync.HistoryEntry{At: time.Unix(0, at).UTC(), Actor: "a newer pilotsync",
		Reason: fmt.Sprintf("this line is of form %d, which only a newer pilotsync can read", line[0])}, nil
}

func (r *lineReader) inflate(packed io.Reader) (string, error) {
	if r.inflater == nil {
		r.inflater = flate.NewReaderDict(packed, r.dictionary)
	} else if err := r.inflater.(flate.Resetter).Reset(packed, r.dictionary); err != nil {
		return "", err
	}
	text, err := io.ReadAll(io.LimitReader(r.inflater, maxLineText+1))
	if err != nil {
		return "", err
	}
	if len(text) > maxLineText {
		return "", errors.New("it unpacks to more than an event ever says")
	}
	return string(text), nil
}
