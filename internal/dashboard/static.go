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

// assets are the files under static/. A page names one by its URL, which holds a
// hash of its content, so that a browser may keep it for ever.
type assets map[string]asset // by the path of its URL

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

// url is where a file of static/ is found, such as /static/page.css?v=0123…; the
// plain path for one that isn't there.
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
		text(w, http.StatusNotFound, "There is no such file.\n")
		return
	}
	h := w.Header()
	h.Set("Etag", `"`+file.hash+`"`)
	if r.URL.Query().Get("v") == file.hash {
		cacheForever(w)
	} else {
		h.Set("Cache-Control", "private, no-cache") // may be kept, but must be asked for
	}
	name := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(file.content))
}

// cacheForever lets the browser keep an answer that never changes under its URL.
func cacheForever(w http.ResponseWriter) {
	w.Header().Set("Cache-Control", "private, max-age=31536000, immutable")
}
