package worker_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// missingOf returns what is missing for the releases in a changelog: recordings, and commits.
// The newest needs no commit, which isn't known before it is made.
func missingOf(changelog, commits string, recordings []string) (missing []string) {
	named := map[string]bool{}
	for line := range strings.Lines(commits) {
		if fields := strings.Fields(line); len(fields) == 2 {
			named[fields[0]] = true
		}
	}
	for i, heading := range regexp.MustCompile(`(?m)^## \[?(\d+\.\d+\.\d+)\b`).FindAllStringSubmatch(changelog, -1) {
		release := heading[1]
		if !slices.Contains(recordings, release+".json") {
			missing = append(missing, "recording of "+release)
		}
		if i > 0 && !named[release] {
			missing = append(missing, "commit of "+release)
		}
	}
	return missing
}

func TestAMissingRecordingOrCommitIsFound(t *testing.T) {
	t.Parallel()
	const changelog = "# Changelog\n\n## Unreleased\n\n## 0.3.0 - 2027-01-01\n### Added\n## [0.2.0] - 2026-12-01\n\n## 0.1.0\n"
	for _, test := range []struct {
		name, changelog, commits string
		recordings, want         []string
	}{
		{"nothing is released", "## Unreleased\n", "", nil, nil},
		{"all is there but the newest one's commit", changelog, "# of each\n0.1.0 abc\n0.2.0 def\n", []string{"0.1.0.json", "0.2.0.json", "0.3.0.json"}, nil},
		{"a release without its recording", changelog, "0.1.0 abc\n0.2.0 def\n", []string{"0.1.0.json", "0.2.0.json"}, []string{"recording of 0.3.0"}},
		{"a release whose commit nobody named", changelog, "0.1.0 abc\n", []string{"0.1.0.json", "0.2.0.json", "0.3.0.json"}, []string{"commit of 0.2.0"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, missingOf(test.changelog, test.commits, test.recordings)); diff != "" {
				t.Errorf("missing (-want +got):\n%s", diff)
			}
		})
	}
}

// CONTRIBUTING.md says how a release is made.
func TestEachReleaseOfTheChangelogHasItsRecordingAndItsCommit(t *testing.T) {
	t.Parallel()
	changelog, err := os.ReadFile("../CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	commits, err := os.ReadFile(releases + "/commits.txt")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(releases + "/*.json")
	if err != nil {
		t.Fatal(err)
	}
	for i := range files {
		files[i] = filepath.Base(files[i])
	}
	if missing := missingOf(string(changelog), string(commits), files); missing != nil {
		t.Errorf("of the releases in CHANGELOG.md %s lacks: %s", releases, strings.Join(missing, ", "))
	}
}
