package package_test

import (
	"archive/zip"
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

// links matches a document's links and pictures; headings are the targets of their fragments.
var (
	links    = regexp.MustCompile(`\]\(([^)\s]+)\)|(?:src|srcset)="([^"]+)"`)
	headings = regexp.MustCompile(`(?m)^#+ (.+)$`)
)

// brokenLinks are the links of all documents in a folder that lead nowhere in it.
func brokenLinks(t *testing.T, folder string) (broken []string, documents int) {
	t.Helper()
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".md" {
			return err
		}
		documents++
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, link := range links.FindAllStringSubmatch(string(text), -1) {
			to := link[1] + link[2]
			if strings.Contains(to, "://") {
				continue
			}
			file, fragment, _ := strings.Cut(to, "#")
			target := path
			if file != "" {
				target = filepath.Join(filepath.Dir(path), file)
			}
			if !leads(target, fragment) {
				broken = append(broken, strings.TrimPrefix(path, folder)+": "+to)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return broken, documents
}

// leads reports whether a file or folder exists, and has the heading if one is named.
func leads(file, fragment string) bool {
	if fragment == "" {
		_, err := os.Stat(file)
		return err == nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return false
	}
	for _, heading := range headings.FindAllStringSubmatch(string(text), -1) {
		if slug(heading[1]) == fragment {
			return true
		}
	}
	return false
}

// slug is a heading as GitHub and others make a fragment of it.
func slug(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z':
			return r
		}
		return -1
	}, strings.ToLower(heading))
}

// hasWhatAnInstallationNeeds checks the .deb and the archive of release 1.2.3 in a folder.
func hasWhatAnInstallationNeeds(t *testing.T, folder string) {
	installed := filepath.Join(t.TempDir(), "installed")
	run(t, "dpkg-deb", "-x", filepath.Join(folder, "pilotsync_1.2.3_"+runtime.GOARCH+".deb"), installed)
	for _, file := range []string{
		"pilotsync.zip", "php/autoload.php", "php/src/Client.php", "php/data/public_suffixes.txt", "prometheus/pilotsync.rules.yml",
		"grafana/pilotsync.json", "redis/redis.conf", "redis/users.acl", "redis/sentinel-users.acl", "redis/redis-pilotsync.conf", "accounts.yml",
		"../man/man1/pilotsync.1.gz", "../man/man1/pilotsync-worker.1.gz",
	} {
		info, err := os.Stat(filepath.Join(installed, "usr/share/pilotsync", file))
		if err != nil || info.Size() == 0 || info.Mode() != 0o644 {
			t.Errorf("/usr/share/pilotsync/%s: %v, %v", file, info, err)
		}
	}
	plugin, err := zip.OpenReader(filepath.Join(installed, "usr/share/pilotsync/pilotsync.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer plugin.Close()
	for _, file := range []string{"pilotsync/pilotsync.php", "pilotsync/src/Plugin.php", "pilotsync/lib/autoload.php", "pilotsync/lib/data/public_suffixes.txt"} {
		if _, err := plugin.Open(file); err != nil {
			t.Errorf("the plugin's zip: %v", err)
		}
	}
	for _, language := range []string{"de_DE", "es_ES", "fr_FR", "it_IT", "pt_BR"} {
		name := "languages/pilotsync-" + language
		compiled := filepath.Join(t.TempDir(), "mo")
		run(t, "msgfmt", "--output-file="+compiled, filepath.Join("../../enqueue/php/wordpress", name+".po"))
		want, err := os.ReadFile(compiled)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := fs.ReadFile(plugin, "pilotsync/"+name+".mo"); err != nil || !bytes.Equal(got, want) {
			t.Errorf("the plugin's zip: %s.mo isn't made from the .po (%v)", name, err)
		}
	}
	if broken, n := brokenLinks(t, filepath.Join(installed, "usr/share/doc/pilotsync")); n < 30 || broken != nil {
		t.Errorf("of %d documents in the package, these links lead nowhere:\n%s", n, strings.Join(broken, "\n"))
	}

	unpacked := t.TempDir()
	run(t, "tar", "-C", unpacked, "-xzf", filepath.Join(folder, "pilotsync_1.2.3_linux_"+runtime.GOARCH+".tar.gz"))
	if broken, n := brokenLinks(t, unpacked); n < 30 || broken != nil {
		t.Errorf("of %d documents in the archive, these links lead nowhere:\n%s", n, strings.Join(broken, "\n"))
	}
}
