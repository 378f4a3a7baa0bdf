package dashboard

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/net/idna"

	"pilotsync/tasks"
	"pilotsync/worker/ledger"
)

// maxUnicodeNames bounds the memory for Unicode forms. It is emptied when it is full.
const maxUnicodeNames = 200_000

// nameSearch finds domains by a part of their names, and by their site. It reads the whole index of
// names, but no record. Viewers share what was read.
type nameSearch struct {
	reader Reader
	reads  *sharedReads[[]ledger.Position]

	mu      sync.Mutex
	unicode map[string]string // by canonical name
}

func newNameSearch(ctx context.Context, r Reader, fresh *freshness) *nameSearch {
	return &nameSearch{reader: r, reads: newSharedReads[[]ledger.Position](ctx, fresh.since), unicode: map[string]string{}}
}

// typed is what was typed into the search.
type typed struct {
	ascii   string // a part of a canonical name; empty if it has other characters
	unicode string // a part of a name as people write it
	domain  string // the beginning of a name whose www form was typed; empty for none
	site    int64  // 0 for none
}

// parseTyped reads a search. Digits alone are a part of a name, and a site.
func parseTyped(text string) (t typed) {
	text = strings.ToLower(strings.TrimSpace(text))
	if id, ok := strings.CutPrefix(text, "site:"); ok {
		t.site, _ = strconv.ParseInt(strings.TrimSpace(id), 10, 64)
		return t
	}
	if _, rest, ok := strings.Cut(text, "://"); ok {
		text = rest
	}
	text, _, _ = strings.Cut(text, "/")
	// It maps upper case and decomposed characters. An error means that the text is no whole name.
	t.unicode, _ = idna.New(idna.MapForLookup()).ToUnicode(text)
	text, t.unicode = withoutRoot(text), withoutRoot(t.unicode)
	if isASCII(text) {
		t.ascii, t.unicode = text, text
		t.site, _ = strconv.ParseInt(text, 10, 64)
	}
	if base, ok := strings.CutPrefix(t.unicode, "www."); ok {
		t.domain = base
	}
	return t
}

// withoutRoot removes the dot after a whole name. The dot of "shop." ends its first label.
func withoutRoot(name string) string {
	if whole, ok := strings.CutSuffix(name, "."); ok && strings.Contains(whole, ".") {
		return whole
	}
	return name
}

func (t typed) matches(domain, unicode string) bool {
	return t.ascii != "" && strings.Contains(domain, t.ascii) || t.unicode != "" && strings.Contains(unicode, t.unicode) ||
		t.domain != "" && (strings.HasPrefix(domain, t.domain) || strings.HasPrefix(unicode, t.domain))
}

// among returns the domains that the search may find; nil for all.
func (n *nameSearch) among(ctx context.Context, apps []ledger.App, text string) ([]ledger.Position, error) {
	if text == "" {
		return nil, nil
	}
	t, found := parseTyped(text), []ledger.Position{}
	if t.unicode != "" {
		names, err := n.reads.get(ctx, 0, n.reader.Names)
		if err != nil {
			return nil, err
		}
		n.mu.Lock()
		for _, p := range names {
			if t.matches(p.Domain, n.unicodeOf(p.Domain)) {
				found = append(found, p)
			}
		}
		n.mu.Unlock()
	}
	if t.site > 0 {
		ofSite, err := n.reader.Sites(ctx, apps, t.site)
		if err != nil {
			return nil, err
		}
		found = append(found, ofSite...)
		slices.SortFunc(found, ledger.Position.Compare)
		found = slices.Compact(found)
	}
	return found, nil
}

// unicodeOf returns a name as people write it. The caller holds mu.
func (n *nameSearch) unicodeOf(domain string) string {
	if !strings.Contains(domain, "xn--") {
		return domain
	}
	if name, ok := n.unicode[domain]; ok {
		return name
	}
	if len(n.unicode) >= maxUnicodeNames {
		clear(n.unicode)
	}
	name := tasks.UnicodeName(domain)
	n.unicode[domain] = name
	return name
}

// causeOf is the value of a cause in the address of a list. Records of earlier releases have none.
func causeOf(code tasks.Code) string {
	if code == "" {
		return noCause
	}
	return string(code)
}

// noCause stands for records without a cause.
const noCause = "none"
