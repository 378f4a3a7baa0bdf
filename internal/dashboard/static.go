package dashboard

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"time"
)

//go:embed static
var staticFiles embed.FS

// assets are the files under static/, by the path of their URL. The URLs in pages contain
// a hash of the content, so a browser may cache them for ever.
type assets map[string]asset

type asset struct {
	content []byte
	hash    string
}

func newAssets(files fs.FS) (assets, error) {
	all := assets{}
	err := fs.WalkDir(files, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(files, path)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(content)
		all["/"+path] = asset{content, hex.EncodeToString(sum[:8])}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the embedded static files: %w", err)
	}
	return all, nil
}

// url returns the URL of a file under static/, such as /static/style.css?v=0123…. For an
// unknown file it returns the path without a hash.
func (a assets) url(name string) string {
	path := "/static/" + name
	if file, ok := a[path]; ok {
		return path + "?v=" + file.hash
	}
	return path
}

// ServeHTTP implements [http.Handler].
func (a assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	file, ok := a[r.URL.Path]
	if !ok {
		writeText(w, http.StatusNotFound, "This file doesn't exist.\n")
		return
	}
	h := w.Header()
	h.Set("Etag", `"`+file.hash+`"`)
	if r.URL.Query().Get("v") == file.hash {
		cacheForever(w)
	} else {
		h.Set("Cache-Control", "private, no-cache") // may be cached, but must be revalidated
	}
	name := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(file.content))
}

// cacheForever lets the browser cache a response that never changes under its URL.
func cacheForever(w http.ResponseWriter) {
	w.Header().Set("Cache-Control", "private, max-age=31536000, immutable")
}
