package ledger

import (
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/klauspost/compress/flate"

	"pilotsync/tasks"
	"pilotsync/worker/listsync"
)

// Lines of form 1 were written before entries had codes. They are still read: Redis keeps a
// line until ten newer ones follow. Such a line holds the time of the entry and its
// attempt, as varints, and then sentences in DEFLATE (RFC 1951) with a dictionary.

// oldLineForm is the first byte of such a line.
const oldLineForm = 1

// maxLineText is how long the text of a line may be, in bytes: several times what a
// verification says. So a broken line can't fill the memory.
const maxLineText = 16 << 10

// lineWords has the sentences of entries, with @ for the domain and # for the app. It never
// changes: otherwise the lines couldn't be read.
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

// lineDictionary returns lineWords for one domain.
func lineDictionary(app, domain string) []byte {
	return []byte(strings.NewReplacer("@", domain, "#", app).Replace(lineWords))
}

// oldLineReader reads the lines of form 1 of one domain's history.
type oldLineReader struct {
	dictionary []byte
	inflater   io.ReadCloser // nil until a line needs it
}

func (r *oldLineReader) decode(line string) (listsync.HistoryEntry, error) {
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
		e.Checks = append(e.Checks, oldCheck(c[0], c[1], c[2]))
	}
	return e, nil
}

// oldCheck returns a check as earlier releases stored it: what DNS and TLS showed, in words.
func oldCheck(name, dns, tls string) listsync.NameResult {
	return listsync.NameResult{Name: name, Result: strings.TrimSuffix(dns+"; "+tls, "; ")}
}

func (r *oldLineReader) inflate(packed io.Reader) (string, error) {
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
		return "", fmt.Errorf("it unpacks to more than %d bytes", maxLineText)
	}
	return string(text), nil
}
