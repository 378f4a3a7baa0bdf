//go:build wordpress

package wordpress

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pilotsync/tasks"
)

// The plugin's languages besides English.
var languages = []string{"de_DE", "es_ES", "fr_FR", "it_IT", "pt_BR"}

// output runs a program and returns its output. It skips the test if the program is missing.
func output(t *testing.T, program string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("needs %s (Debian: gettext): %v", program, err)
	}
	cmd := exec.CommandContext(t.Context(), program, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", program, strings.Join(args, " "), err, out, stderr.String())
	}
	return string(out)
}

func po(language string) string { return "../languages/pilotsync-" + language + ".po" }

// entry is a text with its translations, of the singular and, if there is one, of the plural.
type entry struct{ original, translated []string }

// entries reads a file of texts in the format of msgcat --no-wrap, with each text on one
// line.
func entries(t *testing.T, file string) []entry {
	t.Helper()
	var all []entry
	for block := range strings.SplitSeq(output(t, "msgcat", "--no-wrap", "--no-location", file), "\n\n") {
		var e entry
		for line := range strings.Lines(block) {
			key, text, _ := strings.Cut(strings.TrimSpace(line), " ")
			switch {
			case strings.HasPrefix(key, "msgid"):
				e.original = append(e.original, text)
			case strings.HasPrefix(key, "msgstr"):
				e.translated = append(e.translated, text)
			}
		}
		if len(e.original) > 0 && e.original[0] != `""` {
			all = append(all, e)
		}
	}
	return all
}

func TestTheTemplateOfTextsIsCurrent(t *testing.T) {
	current := filepath.Join(t.TempDir(), "pilotsync.pot")
	output(t, "xgettext", "--version")
	output(t, "../languages/update.sh", current)
	want, err := os.ReadFile(current)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../languages/pilotsync.pot")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("languages/pilotsync.pot isn't current: run 'make texts', and translate the new texts")
	}
	if n := len(entries(t, current)); n < 100 {
		t.Errorf("only %d texts were found", n)
	}
}

// Each text with placeholders has a comment for translators.
func TestPlaceholdersAreExplained(t *testing.T) {
	for block := range strings.SplitSeq(output(t, "msgcat", "--no-wrap", "../languages/pilotsync.pot"), "\n\n") {
		if strings.Contains(block, "php-format") && !strings.Contains(block, "#. translators:") {
			t.Errorf("a comment for translators is missing:\n%s", block)
		}
	}
}

func TestEveryLanguageIsComplete(t *testing.T) {
	var texts []string
	for _, e := range entries(t, "../languages/pilotsync.pot") {
		texts = append(texts, strings.Join(e.original, "|"))
	}
	// A part in brackets is left out if a parameter in it is empty, so each has the same ones.
	placeholder := regexp.MustCompile(`%(?:\d+\$)?[sd]|\{\w+\}`)
	optional := regexp.MustCompile(`\[[^\]]*\]`)
	placeholders := func(text string) []string {
		all := placeholder.FindAllString(text, -1)
		for _, part := range optional.FindAllString(text, -1) {
			all = append(all, fmt.Sprint("optional", slices.Sorted(slices.Values(placeholder.FindAllString(part, -1)))))
		}
		return slices.Sorted(slices.Values(all))
	}
	for _, language := range languages {
		t.Run(language, func(t *testing.T) {
			if fuzzy := output(t, "msgattrib", "--only-fuzzy", po(language)); fuzzy != "" {
				t.Errorf("uncertain translations:\n%s", fuzzy)
			}
			var translated []string
			for _, e := range entries(t, po(language)) {
				translated = append(translated, strings.Join(e.original, "|"))
				if len(e.translated) != len(e.original) {
					t.Errorf("%s has %d translations", e.original, len(e.translated))
					continue
				}
				for i, text := range e.translated {
					if text == `""` {
						t.Errorf("%s isn't translated", e.original[i])
					}
					if !slices.Equal(placeholders(e.original[i]), placeholders(text)) {
						t.Errorf("%s has other placeholders than its translation %s", e.original[i], text)
					}
				}
			}
			if !slices.Equal(slices.Sorted(slices.Values(texts)), slices.Sorted(slices.Values(translated))) {
				t.Error("it has other texts than the template: run 'make texts'")
			}
		})
	}
	files, err := filepath.Glob("../languages/*.po")
	if err != nil || len(files) != len(languages) {
		t.Errorf("the languages are %q (%v)", files, err)
	}
}

// TestEveryLanguageIsComplete has the rest: that each text of the template is translated.
func TestTheTemplateHasTheCatalogueOfCauses(t *testing.T) {
	var texts []string
	for _, e := range entries(t, "../languages/pilotsync.pot") {
		text, err := strconv.Unquote(e.original[0])
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, text)
	}
	for _, e := range tasks.Causes() {
		for _, text := range []string{e.Sentence, e.Remedy} {
			if text == "" || !slices.Contains(texts, text) {
				t.Errorf("%s: the template lacks %q", e.Code, text)
			}
		}
	}
	for _, rule := range tasks.Rules() {
		if !slices.Contains(texts, rule.Text()) {
			t.Errorf("the template lacks the rule %q", rule)
		}
	}
}

// The plugin treats some codes in its own way.
func TestThePluginNamesOnlyKnownCodes(t *testing.T) {
	found := 0
	for _, file := range []string{"Sentences.php", "Records.php", "Digest.php"} {
		source, err := os.ReadFile("../src/" + file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range regexp.MustCompile(`'([A-Z]\w*[a-z]\w*)'`).FindAllSubmatch(source, -1) {
			found++
			if _, known := tasks.Lookup(tasks.Code(match[1])); !known {
				t.Errorf("%s has the unknown code %s", file, match[1])
			}
		}
	}
	if found < 20 {
		t.Errorf("only %d codes were found", found)
	}
}

func TestTheBuiltPluginHasTheTranslations(t *testing.T) {
	built := t.TempDir()
	output(t, "make", "-s", "-C", "../../../..", "plugin", "PLUGIN="+built)
	archive, err := zip.OpenReader(filepath.Join(built, "pilotsync.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	for _, language := range languages {
		compiled := filepath.Join(t.TempDir(), "mo")
		output(t, "msgfmt", "--output-file="+compiled, po(language))
		want, err := os.ReadFile(compiled)
		if err != nil {
			t.Fatal(err)
		}
		file := "pilotsync/languages/pilotsync-" + language + ".mo"
		if got, err := os.ReadFile(filepath.Join(built, file)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s isn't made from the .po (%v)", file, err)
		}
		zipped, err := archive.Open(file)
		if err != nil {
			t.Errorf("in the zip: %v", err)
			continue
		}
		if got, err := io.ReadAll(zipped); err != nil || !bytes.Equal(got, want) {
			t.Errorf("in the zip %s isn't made from the .po (%v)", file, err)
		}
		_ = zipped.Close()
	}
}
