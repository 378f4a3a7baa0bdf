package documents_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"pilotsync/test/harness"
	"pilotsync/test/redistest"
)

// section returns the lines of code in a document below a heading, without comments.
func section(t *testing.T, document, heading string) (code []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, document))
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(text), "\n## "+heading+"\n")
	within, _, _ := strings.Cut(after, "\n## ")
	for line := range strings.Lines(within) {
		if line, is := strings.CutPrefix(strings.TrimRight(line, "\n"), "    "); is {
			code = append(code, strings.TrimSpace(regexp.MustCompile(`\s+# .*`).ReplaceAllString(line, "")))
		}
	}
	if !found || len(code) == 0 {
		t.Fatalf("%s has no code under %q", document, heading)
	}
	return code
}

// shell is a shell with the program in its PATH, in a folder of its own.
type shell struct {
	t      *testing.T
	folder string
	env    []string
}

func newShell(t *testing.T, env ...string) *shell {
	t.Helper()
	folder := t.TempDir()
	if err := os.Symlink(harness.Program(t), filepath.Join(folder, "pilotsync")); err != nil {
		t.Fatal(err)
	}
	return &shell{t, folder, append(append(os.Environ(), "PATH="+folder+":"+os.Getenv("PATH")), env...)}
}

func (s *shell) command(line string) *exec.Cmd {
	cmd := exec.CommandContext(s.t.Context(), "sh", "-c", line)
	cmd.Dir, cmd.Env = s.folder, s.env
	return cmd
}

func (s *shell) run(line string) (output string, code int) {
	s.t.Helper()
	cmd := s.command(line)
	out, err := cmd.CombinedOutput()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		s.t.Fatalf("%s: %v", line, err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// The guide's trial, and then the commands of daily work, as the documents have them. Only delays
// are shorter, no call fails, and removals are confirmed.
func TestTheTrialAndDailyWorkRunAsShown(t *testing.T) {
	harness.Long(t)
	t.Parallel()
	s := newShell(t, "PILOTSYNC_LISTEN=off", "PILOTSYNC_API_RATE=0")
	var trial []string
	for _, line := range section(t, "docs/getting-started.md", "Try it without ServerPilot") {
		if strings.Contains(line, "simulate ") || strings.Contains(line, "sim.env") {
			trial = append(trial, strings.NewReplacer("--cert-delay 10s", "--cert-delay 10ms", "--fault-5xx 0.1", "--fault-5xx 0 --latency 0s", "5s,10s,20s", "1s,1s,1s").Replace(line))
		}
	}
	if len(trial) != 3 || !strings.Contains(trial[1], "1s,1s,1s") {
		t.Fatalf("the guide's trial is %q", trial)
	}
	harness.Start(t, s.command(trial[0]))
	harness.Await(t, "sim.env is complete", func() error {
		if text, err := os.ReadFile(filepath.Join(s.folder, "sim.env")); err != nil || !strings.Contains(string(text), "# ready") {
			return fmt.Errorf("it has %q, %w", text, err)
		}
		return nil
	})
	harness.Start(t, s.command(trial[1]))
	if out, code := s.run(trial[2]); code != 1 || !strings.Contains(out, ": Done, ") || !strings.Contains(out, ": DNS failed, ") {
		t.Fatalf("%s: exit code %d\n%s", trial[2], code, out)
	}

	if err := os.WriteFile(filepath.Join(s.folder, "domains.txt"), []byte("file.example.com\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const both = "pilotsync enqueue add example.com --app app1 --www always --wait" // the names that are imported later
	for _, heading := range []string{"Check before you add", "Add and remove domains", "See where domains stand", "Repair a list", "Import names that are on a list", "Undo", "Pause an app"} {
		if out, code := s.run(". ./sim.env; " + both); code != 0 {
			t.Fatalf("%s: exit code %d\n%s", both, code, out)
		}
		for _, line := range section(t, "docs/operations/daily.md", heading) {
			if !strings.HasPrefix(line, "pilotsync ") || strings.Contains(line, "--watch") || strings.Contains(line, "--follow") || strings.Contains(line, "names.txt") {
				continue
			}
			out, code := s.run(". ./sim.env; " + strings.NewReplacer("enqueue remove", "enqueue remove --yes", "--app APP", "--app app1", "--at 41", "--at 1 --yes", "--at \"$(date -u -d '1 hour ago' +%FT%TZ)\"", "--at 1").Replace(line))
			if code != 0 {
				t.Errorf("%s: exit code %d\n%s", line, code, out)
			}
		}
	}
}

// The documents' lines of PHP put their requests on the queue.
func TestThePHPThatIsShownRuns(t *testing.T) {
	t.Parallel()
	if out, err := exec.CommandContext(t.Context(), "php", "-r", "exit(extension_loaded('redis') && extension_loaded('intl') ? 0 : 1);").CombinedOutput(); err != nil {
		t.Skipf("there is no PHP with the extensions redis and intl (make setup installs them): %v %s", err, out)
	}
	for document, changes := range map[string]int{"README.md": 2, "docs/php.md": 6} {
		t.Run(document, func(t *testing.T) {
			t.Parallel()
			server := redistest.New(t)
			code := strings.Join(section(t, document, "PHP"), "\n")
			code = strings.ReplaceAll(code, "redis://127.0.0.1:6380/0", "redis://"+server.Addr+"/0")
			cmd := exec.CommandContext(t.Context(), "php", "-d", "error_reporting=-1", "-d", "display_errors=1", "-r", regexp.MustCompile(`\s+//.*`).ReplaceAllString(code, ""))
			cmd.Dir = root
			out, err := cmd.CombinedOutput()
			if err != nil || strings.Contains(string(out), "Warning") {
				t.Fatalf("%v\n%s\n%s", err, code, out)
			}
			queued, err := exec.CommandContext(t.Context(), "redis-cli", "-u", "redis://"+server.Addr, "llen", "asynq:{domains}:pending").Output()
			if err != nil || strings.TrimSpace(string(queued)) != fmt.Sprint(changes) {
				t.Errorf("%s changes are on the queue, %v; want %d", queued, err, changes)
			}
		})
	}
}

func TestTheGoThatIsShownCompiles(t *testing.T) {
	t.Parallel()
	for _, document := range []string{"README.md", "docs/php.md"} {
		file := filepath.Join(t.TempDir(), "shown.go")
		const frame = "package shown\n\nimport (\n\t\"context\"\n\t\"errors\"\n\n\t\"github.com/redis/go-redis/v9\"\n\n\t\"pilotsync/enqueue\"\n)\n\n" +
			"var _ = errors.Is\n\nfunc shown(ctx context.Context, rdb redis.UniversalClient) ([]enqueue.Receipt, error) {\n%s\n\treturn receipts, err\n}\n"
		if err := os.WriteFile(file, fmt.Appendf(nil, frame, strings.Join(section(t, document, "Go"), "\n")), 0o600); err != nil {
			t.Fatal(err)
		}
		vet := exec.CommandContext(t.Context(), "go", "vet", file)
		vet.Dir = root
		if out, err := vet.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", document, err, out)
		}
	}
}

// Both are for a webhook's secret.
func TestTheSecretThatIsShownIsOne(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("there is no openssl")
	}
	for _, document := range []string{"README.md", "docs/wordpress.md", "docs/webhooks.md", "deployments/systemd/README.md"} {
		text, err := os.ReadFile(filepath.Join(root, document))
		if err != nil {
			t.Fatal(err)
		}
		command := regexp.MustCompile(`echo "whsec_\$\(openssl [^)]*\)"`).Find(text)
		out, err := exec.CommandContext(t.Context(), "sh", "-c", string(command)).Output()
		if err != nil || !regexp.MustCompile(`^whsec_[A-Za-z0-9+/]{32}\n$`).Match(out) {
			t.Errorf("%s: %s prints %q, %v", document, command, out, err)
		}
	}
}

func TestMakesTargetsThatAreShownExist(t *testing.T) {
	t.Parallel()
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, name := range documents(t) {
		if name == "CHANGELOG.md" {
			continue
		}
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, target := range regexp.MustCompile("(?m)(?:`|^    (?:sudo )?)make ([a-z][a-z-]*)").FindAllStringSubmatch(string(text), -1) {
			found++
			if !regexp.MustCompile(`(?m)^` + target[1] + `:`).Match(makefile) {
				t.Errorf("%s shows 'make %s', which the Makefile doesn't have", name, target[1])
			}
		}
	}
	if found < 30 {
		t.Errorf("only %d were found", found)
	}
}
