// Package documents_test checks the documents: every link leads somewhere, and the commands in them
// do what the text says.
package documents_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const root = "../.." // of the project

var (
	fenced   = regexp.MustCompile("(?ms)^```.*?^```$")
	indented = regexp.MustCompile(`(?m)^ {4,}.*$`)
	spans    = regexp.MustCompile("`[^`\n]*`")
	links    = regexp.MustCompile(`\]\(([^)\s]+)\)|(?:src|srcset|href)="([^"]+)"`)
	headings = regexp.MustCompile(`(?m)^#+ (.+)$`)
)

// linksOf returns where a Markdown text links to, pictures included. Code isn't text.
func linksOf(text string) (found []string) {
	text = fenced.ReplaceAllString(text, "")
	text = indented.ReplaceAllStringFunc(text, func(line string) string {
		if picture := strings.TrimSpace(line); strings.HasPrefix(picture, "<") {
			return picture
		}
		return ""
	})
	text = spans.ReplaceAllString(text, "")
	for _, link := range links.FindAllStringSubmatch(text, -1) {
		found = append(found, link[1]+link[2])
	}
	return found
}

// anchors returns the fragments that a Markdown text's headings have on GitHub.
func anchors(text string) (found []string) {
	seen := map[string]int{}
	for _, heading := range headings.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
		title := regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`).ReplaceAllString(heading[1], "$1")
		anchor := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z':
				return r
			}
			return -1
		}, strings.ToLower(title))
		if n := seen[anchor]; n > 0 {
			found = append(found, anchor+"-"+string(rune('0'+n)))
		} else {
			found = append(found, anchor)
		}
		seen[anchor]++
	}
	return found
}

// broken returns the links of a document in a tree that lead nowhere in it.
func broken(tree fs.FS, document string) (leadNowhere []string, err error) {
	text, err := fs.ReadFile(tree, document)
	if err != nil {
		return nil, err
	}
	for _, link := range linksOf(string(text)) {
		if strings.Contains(link, "://") || strings.HasPrefix(link, "mailto:") {
			continue
		}
		file, fragment, _ := strings.Cut(link, "#")
		target := document
		if file != "" {
			target = filepath.ToSlash(filepath.Join(filepath.Dir(document), file))
		}
		if fragment == "" {
			if _, err := fs.Stat(tree, target); err != nil {
				leadNowhere = append(leadNowhere, document+": "+link)
			}
			continue
		}
		if text, err := fs.ReadFile(tree, target); err != nil || !slices.Contains(anchors(string(text)), fragment) {
			leadNowhere = append(leadNowhere, document+": "+link)
		}
	}
	return leadNowhere, nil
}

// documents returns the Markdown files of the repository, with slashes.
func documents(t *testing.T) []string {
	t.Helper()
	list := exec.CommandContext(t.Context(), "git", "-C", root, "ls-files", "--cached", "--others", "--exclude-standard", "*.md")
	out, err := list.Output()
	if err != nil {
		t.Skip("needs git, to list the documents: ", err)
	}
	names := slices.DeleteFunc(strings.Fields(string(out)), func(name string) bool {
		_, err := os.Stat(filepath.Join(root, name))
		return err != nil // deleted, but not committed yet
	})
	if len(names) < 10 {
		t.Fatalf("there are only %q", names)
	}
	return names
}

func TestEveryLinkLeadsSomewhere(t *testing.T) {
	t.Parallel()
	for _, name := range documents(t) {
		leadNowhere, err := broken(os.DirFS(root), name)
		if err != nil {
			t.Fatal(err)
		}
		for _, link := range leadNowhere {
			t.Errorf("it leads nowhere: %s", link)
		}
	}
}

// The plugin's folder is installed without the rest of the project. The package's and the
// archives' documents are tested where those are built, in deployments/package.
func TestThePluginsDocumentLinksToNothingOutsideTheFolder(t *testing.T) {
	t.Parallel()
	leadNowhere, err := broken(os.DirFS(filepath.Join(root, "enqueue/php/wordpress")), "README.md")
	if err != nil {
		t.Fatal(err)
	}
	if leadNowhere != nil {
		t.Errorf("they lead out of the plugin's folder: %q", leadNowhere)
	}
}

func TestTheREADMEIsShort(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	if lines := strings.Count(string(text), "\n"); err != nil || lines > 150 {
		t.Errorf("README.md has %d lines, %v; what is more belongs into docs", lines, err)
	}
}

func TestBrokenLinksAreFound(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for name, text := range map[string]string{
		"a.md": "# One\n\n[there](b.md#two-words) [self](#one) [gone](c.md) [no anchor](b.md#three)\n`[code](d.md)`\n\n    [shown](e.md)\n\n<img src=\"gone.png\">\n",
		"b.md": "## Two words!\n",
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := broken(os.DirFS(folder), "a.md")
	if want := []string{"a.md: c.md", "a.md: b.md#three", "a.md: gone.png"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
}

// Each diagram has a light and a dark file, with the same drawing.
func TestDiagramsDifferInTheirColorsOnly(t *testing.T) {
	t.Parallel()
	colors := regexp.MustCompile(`(?s)<style>.*?</style>`)
	light, err := filepath.Glob(filepath.Join(root, "docs/images/*-light.svg"))
	if err != nil || len(light) < 2 {
		t.Fatalf("the diagrams are %q, %v", light, err)
	}
	for _, name := range light {
		one, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		two, err := os.ReadFile(strings.Replace(name, "-light.svg", "-dark.svg", 1))
		if err != nil {
			t.Fatal(err)
		}
		if colors.ReplaceAllString(string(one), "") != colors.ReplaceAllString(string(two), "") {
			t.Errorf("%s and its dark form aren't the same drawing", name)
		}
	}
}

// The architecture says where to change what: the files that it names are there.
func TestFilesThatTheArchitectureNamesExist(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(root, "docs/architecture.md"))
	if err != nil {
		t.Fatal(err)
	}
	tree := map[string]bool{} // paths, folders, and ends of paths
	for name := range strings.FieldsSeq(run(t, "git", "-C", root, "ls-files", "--cached", "--others", "--exclude-standard")) {
		for end, more := name, true; more; _, end, more = strings.Cut(end, "/") {
			tree[end] = true
		}
		for ; name != "."; name = filepath.Dir(name) {
			tree[name] = true
		}
	}
	found := 0
	for _, span := range spans.FindAllString(string(text), -1) {
		name := strings.TrimSuffix(strings.Trim(span, "`"), "/")
		if isFile := regexp.MustCompile(`^[\w./*@-]+\.(go|lua|sh|ya?ml|json|md|css|js|php|service|acl|tmpl)$`).MatchString(name); !isFile && !regexp.MustCompile(`^(worker|internal|test|cmd|deployments|enqueue|bench)/[\w/.-]+$`).MatchString(name) {
			continue
		}
		found++
		if strings.Contains(name, "*") {
			matches, err := filepath.Glob(filepath.Join(root, name))
			if err != nil || len(matches) == 0 {
				t.Errorf("no file is %s", name)
			}
		} else if !tree[name] {
			t.Errorf("there is no %s", name)
		}
	}
	if found < 60 {
		t.Errorf("only %d names were found", found)
	}
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).Output()
	if err != nil {
		t.Skipf("%s: %v", name, err)
	}
	return string(out)
}
