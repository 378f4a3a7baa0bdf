package engine

import (
	"archive/tar"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// layer writes the files of a base image.
type layer struct {
	t    *testing.T
	w    *tar.Writer
	made map[string]bool
}

func (l layer) write(h tar.Header, content io.Reader) {
	l.t.Helper()
	h.Name = strings.TrimPrefix(h.Name, "/")
	if l.made[h.Name] {
		return
	}
	l.made[h.Name] = true
	if err := l.w.WriteHeader(&h); err != nil {
		l.t.Fatal(err)
	}
	if content != nil {
		if _, err := io.Copy(l.w, content); err != nil {
			l.t.Fatal(err)
		}
	}
}

func (l layer) folder(name string, mode int64, uid, gid int) {
	l.write(tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: mode, Uid: uid, Gid: gid}, nil)
}

func (l layer) text(name, content string, mode int64) {
	l.write(tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: int64(len(content))}, strings.NewReader(content))
}

// copy adds a file of this machine at the same path.
func (l layer) copy(from, to string) {
	l.t.Helper()
	file, err := os.Open(from)
	if err != nil {
		l.t.Fatal(err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		l.t.Fatal(err)
	}
	l.write(tar.Header{Typeflag: tar.TypeReg, Name: to, Mode: int64(info.Mode().Perm()), Size: info.Size()}, file)
}

// program adds a program of this machine to /bin, with its libraries.
func (l layer) program(name string) {
	l.t.Helper()
	from, err := exec.LookPath(name)
	if err != nil {
		l.t.Fatal(err)
	}
	l.copy(from, "/bin/"+name)
	libraries, err := exec.CommandContext(l.t.Context(), "ldd", from).Output()
	if err != nil {
		return // it is static
	}
	for _, library := range regexp.MustCompile(`/[^ )]+`).FindAllString(string(libraries), -1) {
		l.copy(library, library)
	}
}

// tree copies a folder without some of its entries.
func (l layer) tree(from, to string, without ...string) {
	l.t.Helper()
	err := filepath.WalkDir(from, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		inside, _ := filepath.Rel(from, name)
		for _, w := range without {
			if inside == w {
				return fs.SkipDir
			}
		}
		if entry.Type().IsRegular() {
			l.copy(name, path.Join(to, inside))
		}
		return nil
	})
	if err != nil {
		l.t.Fatal(err)
	}
}

// baseImage makes an image with busybox, a user, and what fill adds.
func (e *engine) baseImage(name string, settings []string, user, group string, fill func(layer)) {
	e.t.Helper()
	args := []string{"import"}
	for _, s := range settings {
		args = append(args, "--change", s)
	}
	cmd := exec.CommandContext(e.t.Context(), "docker", append(args, "-", name)...)
	cmd.Env = append(os.Environ(), "DOCKER_HOST=unix://"+filepath.Join(e.scratch, "docker.sock"))
	cmd.Stderr = e.t.Output()
	in, err := cmd.StdinPipe()
	if err != nil {
		e.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		e.t.Fatal(err)
	}
	l := layer{t: e.t, w: tar.NewWriter(in), made: map[string]bool{}}
	l.folder("/tmp", 0o1777, 0, 0)
	l.text("/etc/passwd", user+"\n", 0o644)
	l.text("/etc/group", group+"\n", 0o644)
	l.program("busybox")
	for _, tool := range strings.Fields("sh cat head httpd id ls mkdir mv rm sleep sync wget grep") {
		l.write(tar.Header{Typeflag: tar.TypeSymlink, Name: "/bin/" + tool, Linkname: "busybox", Mode: 0o777}, nil)
	}
	fill(l)
	if err := l.w.Close(); err != nil {
		e.t.Fatal(err)
	}
	if err := in.Close(); err != nil {
		e.t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		e.t.Fatalf("the image %s: %v", name, err)
	}
}

// baseImages makes the images that docker-compose.yml and the Dockerfile name. They match the
// official ones in users, folders, entry points, and Redis's umask.
func (e *engine) baseImages(compose string) {
	e.t.Helper()
	name := func(repository string) string {
		found := regexp.MustCompile(`image: (` + regexp.QuoteMeta(repository) + `:\S+)`).FindStringSubmatch(compose)
		if found == nil {
			e.t.Fatalf("docker-compose.yml has no image %s", repository)
		}
		return found[1]
	}
	e.baseImage(name("redis"), []string{"ENV PATH=/bin", "VOLUME /data", "WORKDIR /data", `ENTRYPOINT ["entry"]`}, "redis:x:999:1000::/:/bin/sh", "redis:x:1000:", func(l layer) {
		for _, program := range []string{"redis-server", "redis-cli", "redis-check-aof"} {
			l.program(program)
		}
		l.folder("/data", 0o755, 999, 1000)
		l.text("/bin/entry", "#!/bin/sh\numask 0077\nexec \"$@\"\n", 0o755)
	})
	e.baseImage(name("prom/prometheus"), []string{"ENV PATH=/bin", "VOLUME /prometheus", "WORKDIR /prometheus", `ENTRYPOINT ["/bin/prometheus"]`}, "nobody:x:65534:65534::/:/bin/sh", "nobody:x:65534:", func(l layer) {
		l.program("prometheus")
		l.program("promtool")
		l.folder("/prometheus", 0o755, 65534, 65534)
	})
	// A stub: it reports that it is healthy, and ends at SIGTERM.
	e.baseImage(name("grafana/grafana"), []string{"ENV PATH=/bin", `ENTRYPOINT ["sh","-c","trap 'exit 0' TERM; httpd -f -p 3000 -h /www & wait"]`}, "grafana:x:472:0::/:/bin/sh", "root:x:0:", func(l layer) {
		l.folder("/var/lib/grafana", 0o777, 472, 0)
		l.text("/www/api/health", "ok\n", 0o644)
	})
	e.baseImage("golang:1.26", []string{"ENV PATH=/usr/local/go/bin:/bin", "ENV GOPATH=/go", "ENV GOTOOLCHAIN=local", "ENV GOPROXY=" + e.moduleProxy()}, "root:x:0:0::/root:/bin/sh", "root:x:0:", func(l layer) {
		l.tree(goEnv(e.t, "GOROOT"), "/usr/local/go", "test", "api", "doc", "misc")
		l.copy("/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/certs/ca-certificates.crt")
	})
}

// moduleProxy serves this machine's modules to the build of images.
func (e *engine) moduleProxy() string {
	e.t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(gateway, "0"))
	if err != nil {
		e.t.Fatal(err)
	}
	server := &http.Server{Handler: http.FileServer(http.Dir(filepath.Join(goEnv(e.t, "GOMODCACHE"), "cache/download")))}
	go func() { _ = server.Serve(l) }()
	e.t.Cleanup(func() { _ = server.Close() })
	return fmt.Sprintf("http://%s", l.Addr())
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	out, err := output(t.Context(), root, "go", "env", name)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
