package dashboard

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/hibiken/asynqmon"
	"github.com/redis/go-redis/v9"
	"golang.org/x/net/html"
)

const monitorPath = "/asynqmon"

// monitor is asynqmon, as its library gives it, behind our policy. Its own Close
// would close our Redis client and nothing else, so it isn't called.
type monitor struct {
	library http.Handler
	raw     []byte // its page, as the library gives it
	page    []byte // and as we give it
	policy  string // of the page
}

// sharedRedis has asynqmon use the client that is there already.
type sharedRedis struct{ redis.UniversalClient }

// MakeRedisClient implements [asynq.RedisConnOpt].
func (s sharedRedis) MakeRedisClient() any { return s.UniversalClient }

// monitors is asynqmon at /asynqmon/: one for users who may look, and one for
// those who may act.
func (s *Site) monitors() (http.Handler, error) {
	views, err := newMonitor(s.cfg.Redis, true, s.static.url("asynqmon.js"))
	if err != nil {
		return nil, err
	}
	acts, err := newMonitor(s.cfg.Redis, false, s.static.url("asynqmon.js"))
	if err != nil {
		return nil, err
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if userOf(r.Context()).Role == Act {
			acts.ServeHTTP(w, r)
			return
		}
		views.ServeHTTP(w, r)
	}), nil
}

func newMonitor(rdb redis.UniversalClient, readOnly bool, script string) (*monitor, error) {
	m := &monitor{library: asynqmon.New(asynqmon.Options{
		RootPath: monitorPath, RedisConnOpt: sharedRedis{rdb}, ReadOnly: readOnly,
		PayloadFormatter: asynqmon.PayloadFormatterFunc(payloadText),
		ResultFormatter:  asynqmon.ResultFormatterFunc(payloadText),
	})}
	answer, err := m.buffer(&http.Request{Method: http.MethodGet, URL: &url.URL{Path: monitorPath + "/"}})
	if err != nil {
		return nil, err
	}
	m.raw = answer.body.Bytes()
	if m.page, m.policy, err = adaptPage(m.raw, script); err != nil {
		return nil, fmt.Errorf("read asynqmon's page: %w", err)
	}
	return m, nil
}

// ServeHTTP implements [http.Handler].
func (m *monitor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, monitorPath+"/api/") {
		w.Header().Set("Content-Type", "application/json") // which the library doesn't say
		m.library.ServeHTTP(w, r)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		text(w, http.StatusMethodNotAllowed, "This can only be read.\n")
		return
	}
	answer, err := m.buffer(r)
	if err != nil {
		text(w, http.StatusInternalServerError, "asynqmon didn't answer as it should.\n")
		return
	}
	body := answer.body.Bytes()
	h := w.Header()
	switch {
	case bytes.Equal(body, m.raw): // for every path that isn't one of its files
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Content-Security-Policy", m.policy)
		body = m.page
	default:
		// What the library guesses from the content isn't enough for style sheets.
		if known := mime.TypeByExtension(path.Ext(r.URL.Path)); known != "" {
			h.Set("Content-Type", known)
		}
		if strings.HasPrefix(r.URL.Path, monitorPath+"/static/") { // their names hold a hash
			cacheForever(w)
		}
	}
	w.WriteHeader(answer.status)
	if r.Method == http.MethodGet {
		_, _ = w.Write(body)
	}
}

// bufferedResponse is an answer that is kept for a look at it.
type bufferedResponse struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (c *bufferedResponse) Header() http.Header         { return c.header }
func (c *bufferedResponse) WriteHeader(status int)      { c.status = status }
func (c *bufferedResponse) Write(p []byte) (int, error) { return c.body.Write(p) }

// buffer has the library answer a request for its page or one of its files,
// which are in memory anyway.
func (m *monitor) buffer(r *http.Request) (*bufferedResponse, error) {
	answer := &bufferedResponse{header: http.Header{}, status: http.StatusOK}
	m.library.ServeHTTP(answer, r)
	if answer.status != http.StatusOK {
		return nil, fmt.Errorf("asynqmon answers %d for %s", answer.status, r.URL.Path)
	}
	return answer, nil
}

// adaptPage is asynqmon's page without what it asks of other hosts (fonts), and
// without its manifest, which a browser would ask for without its login; with our
// script, which leads back to our pages. The policy lets its own inline scripts
// run, by their hashes, and no others, and the styles that its UI library puts in.
func adaptPage(raw []byte, script string) (page []byte, policy string, err error) {
	var b bytes.Buffer
	var hashes []string
	inScript, injected := false, false
	tokens := html.NewTokenizer(bytes.NewReader(raw))
	for {
		kind := tokens.Next()
		if kind == html.ErrorToken {
			break
		}
		source := bytes.Clone(tokens.Raw()) // reading the token changes it
		token := tokens.Token()
		switch {
		case kind == html.StartTagToken && token.Data == "script":
			inScript = true
		case kind == html.EndTagToken && token.Data == "script":
			inScript = false
		case kind == html.TextToken && inScript:
			sum := sha256.Sum256(source)
			hashes = append(hashes, " 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
		case token.Data == "link" && (isForeign(attribute(token, "href")) || attribute(token, "rel") == "manifest"):
			continue
		case kind == html.EndTagToken && token.Data == "head":
			fmt.Fprintf(&b, `<script src="%s" defer></script>`, html.EscapeString(script))
			injected = true
		}
		b.Write(source)
	}
	if err := tokens.Err(); !errors.Is(err, io.EOF) {
		return nil, "", err
	}
	if !injected || len(hashes) == 0 {
		return nil, "", errors.New("it has no head or no script any more")
	}
	policy = "default-src 'none'; script-src 'self'" + strings.Join(hashes, "") + "; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
		"connect-src 'self'; font-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	return b.Bytes(), policy, nil
}

// isForeign reports whether a link leads to another host.
func isForeign(href string) bool {
	u, err := url.Parse(href)
	return err != nil || u.Host != "" || u.Scheme != ""
}

func attribute(token html.Token, name string) string {
	for _, a := range token.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}
