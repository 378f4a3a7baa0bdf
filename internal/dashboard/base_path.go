package dashboard

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
)

// basePath is the path under which the dashboard is served, such as /pilotsync; empty for the
// root. Handlers, templates and redirects know nothing of it: their paths begin at the root, and
// what is sent to the browser is adapted here.
type basePath string

// healthPaths stay at the root, too: probes and scrapes ask the process itself, and not the proxy
// before it.
func healthPaths() []string { return []string{"/healthz", "/readyz", "/metrics"} }

// serve serves next under the base path.
func (b basePath) serve(next http.Handler) http.Handler {
	if b == "" {
		return next
	}
	stripped := http.StripPrefix(string(b), next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, string(b)+"/"):
			stripped.ServeHTTP(&basedResponse{ResponseWriter: w, base: b}, r)
		case r.URL.Path == string(b):
			target := string(b) + "/"
			if r.URL.RawQuery != "" {
				target += "?" + r.URL.RawQuery
			}
			http.Redirect(w, r, target, http.StatusPermanentRedirect)
		case slices.Contains(healthPaths(), r.URL.Path):
			next.ServeHTTP(w, r)
		default:
			writeText(w, http.StatusNotFound, "The dashboard is at "+string(b)+"/ (PILOTSYNC_BASE_PATH).\n")
		}
	})
}

// page adds the base path to the links, forms and files of a page. Only the templates can have
// written these attributes: they escape the quotes in data.
func (b basePath) page(html []byte) []byte {
	if b == "" {
		return html
	}
	for _, attribute := range []string{` href="`, ` src="`, ` action="`, ` formaction="`} {
		html = bytes.ReplaceAll(html, []byte(attribute+"/"), []byte(attribute+string(b)+"/"))
	}
	return html
}

// handler serves a library that has the base path in its own paths.
func (b basePath) handler(library http.Handler) http.Handler {
	if b == "" {
		return library
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		based, u := *r, *r.URL
		u.Path = string(b) + u.Path
		if u.RawPath != "" {
			u.RawPath = string(b) + u.RawPath
		}
		based.URL = &u
		library.ServeHTTP(w, &based)
	})
}

// basedResponse adds the base path to redirects.
type basedResponse struct {
	http.ResponseWriter
	base basePath
}

// WriteHeader implements [http.ResponseWriter].
func (r *basedResponse) WriteHeader(status int) {
	if location := r.Header().Get("Location"); strings.HasPrefix(location, "/") {
		r.Header().Set("Location", string(r.base)+location)
	}
	r.ResponseWriter.WriteHeader(status)
}

// Unwrap gives [http.ResponseController] the server's own writer.
func (r *basedResponse) Unwrap() http.ResponseWriter { return r.ResponseWriter }
