package dashboard

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/hibiken/asynqmon"
	"github.com/redis/go-redis/v9"
	"golang.org/x/net/html"

	"pilotsync/worker/queuestats"
)

const (
	monitorPath = "/asynqmon"
	// redisInfoPath has the answer to Redis's INFO: addresses, versions, folders, clients.
	redisInfoPath = monitorPath + "/api/redis_info"
)

// monitor serves asynqmon's library under a content security policy. Its Close isn't called,
// because it would close the shared Redis client and do nothing else.
type monitor struct {
	library http.Handler
	raw     []byte // the library's page
	page    []byte // the same page, adapted
	policy  string // the page's Content-Security-Policy
}

// redisConnOpt makes asynqmon use an existing Redis client.
type redisConnOpt struct {
	redis.UniversalClient
	asked int
}

// MakeRedisClient implements [asynq.RedisConnOpt]. asynqmon asks twice: first for its view of Redis
// itself, which depends on the client's type, then for asynq's inspector.
func (o *redisConnOpt) MakeRedisClient() any {
	if o.asked++; o.asked == 1 {
		return o.UniversalClient
	}
	return ownQueues{o.UniversalClient}
}

// ownQueues hides all queues but pilotsync's from asynq's inspector. asynqmon would read each whose
// name is in Redis, and producers can add any number of names.
type ownQueues struct{ redis.UniversalClient }

// SMembers implements [redis.UniversalClient].
func (c ownQueues) SMembers(ctx context.Context, key string) *redis.StringSliceCmd {
	if key != queuestats.NamesKey {
		return c.UniversalClient.SMembers(ctx, key)
	}
	names, _, err := queuestats.Names(ctx, c.UniversalClient)
	cmd := redis.NewStringSliceCmd(ctx, "smembers", key)
	cmd.SetVal(names)
	cmd.SetErr(err)
	return cmd
}

// asynqmonHandler returns asynqmon for /asynqmon/. For users who may not act it is read-only, and
// tells nothing of the Redis server.
func (s *Dashboard) asynqmonHandler() (http.Handler, error) {
	readOnly, err := newMonitor(s.cfg.Redis, basePath(s.cfg.BasePath), true, s.static.url("asynqmon.js"))
	if err != nil {
		return nil, err
	}
	full, err := newMonitor(s.cfg.Redis, basePath(s.cfg.BasePath), false, s.static.url("asynqmon.js"))
	if err != nil {
		return nil, err
	}
	byRole := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case userOf(r.Context()).Role == Act:
			full.ServeHTTP(w, r)
		case strings.HasPrefix(r.URL.Path, redisInfoPath):
			writeText(w, http.StatusForbidden, "What Redis tells of itself is for users who may act. "+actHint)
		default:
			readOnly.ServeHTTP(w, r)
		}
	})
	return newMonitorLimits(s.cfg.Redis).limit(byRole), nil
}

func newMonitor(rdb redis.UniversalClient, base basePath, readOnly bool, script string) (*monitor, error) {
	m := &monitor{library: base.handler(asynqmon.New(asynqmon.Options{
		RootPath: string(base) + monitorPath, RedisConnOpt: &redisConnOpt{UniversalClient: rdb}, ReadOnly: readOnly,
		PayloadFormatter: asynqmon.PayloadFormatterFunc(payloadText),
		ResultFormatter:  asynqmon.ResultFormatterFunc(payloadText),
	}))}
	answer, err := m.buffer(&http.Request{Method: http.MethodGet, URL: &url.URL{Path: monitorPath + "/"}})
	if err != nil {
		return nil, err
	}
	m.raw = answer.body.Bytes()
	if m.page, m.policy, err = adaptPage(m.raw, string(base)+script); err != nil {
		return nil, fmt.Errorf("read asynqmon's page: %w", err)
	}
	return m, nil
}

// ServeHTTP implements [http.Handler].
func (m *monitor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, monitorPath+"/api/") {
		w.Header().Set("Content-Type", "application/json") // the library sets none
		m.library.ServeHTTP(w, r)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		writeText(w, http.StatusMethodNotAllowed, "This resource is read-only.\n")
		return
	}
	// The library has no answer for a path that leads out of asynqmon.
	if slices.Contains(strings.Split(r.URL.Path, "/"), "..") {
		http.NotFound(w, r)
		return
	}
	answer, err := m.buffer(r)
	if err != nil {
		writeText(w, http.StatusInternalServerError, "asynqmon failed.\n")
		return
	}
	body := answer.body.Bytes()
	h := w.Header()
	switch {
	case bytes.Equal(body, m.raw): // the library returns its page for every unknown path
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Content-Security-Policy", m.policy)
		body = m.page
	default:
		// The library guesses types by content, which fails for style sheets.
		if known := mime.TypeByExtension(path.Ext(r.URL.Path)); known != "" {
			h.Set("Content-Type", known)
		}
		if strings.HasPrefix(r.URL.Path, monitorPath+"/static/") { // these names contain a hash
			cacheForever(w)
		}
	}
	w.WriteHeader(answer.status)
	if r.Method == http.MethodGet {
		_, _ = w.Write(body)
	}
}

// bufferedResponse keeps a response in memory, so that it can be changed.
type bufferedResponse struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (b *bufferedResponse) Header() http.Header         { return b.header }
func (b *bufferedResponse) WriteHeader(status int)      { b.status = status }
func (b *bufferedResponse) Write(p []byte) (int, error) { return b.body.Write(p) }

// buffer returns the library's response for its page or one of its files, which are in memory
// anyway.
func (m *monitor) buffer(r *http.Request) (*bufferedResponse, error) {
	answer := &bufferedResponse{header: http.Header{}, status: http.StatusOK}
	m.library.ServeHTTP(answer, r)
	if answer.status != http.StatusOK {
		return nil, fmt.Errorf("asynqmon answers %d for %s", answer.status, r.URL.Path)
	}
	return answer, nil
}

// adaptPage adapts asynqmon's page. It removes resources of other hosts (fonts), and the
// manifest, which browsers request without the login. It adds script, which links back to
// the dashboard. The policy allows the page's own inline scripts by their hashes, and the
// inline styles of its UI library.
func adaptPage(raw []byte, script string) (page []byte, policy string, err error) {
	var b bytes.Buffer
	var hashes string
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
		case token.Data == "script":
			inScript = kind == html.StartTagToken
		case kind == html.TextToken && inScript:
			sum := sha256.Sum256(source)
			hashes += " 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
		case unwantedLink(token):
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
	if !injected || hashes == "" {
		return nil, "", errors.New("it has no head or no inline script")
	}
	policy = "default-src 'none'; script-src 'self'" + hashes + "; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
		"connect-src 'self'; font-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	return b.Bytes(), policy, nil
}

// unwantedLink reports whether a token links to a resource of another host or to a manifest.
func unwantedLink(token html.Token) bool {
	return token.Data == "link" && (isForeign(attribute(token, "href")) || attribute(token, "rel") == "manifest")
}

// isForeign reports whether a URL leads to another host.
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
