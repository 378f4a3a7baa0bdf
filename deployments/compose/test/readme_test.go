package test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestTheReadmesCommandsNameWhatIsThere(t *testing.T) {
	t.Parallel()
	project := whole(t)
	services := map[string]bool{}
	for name := range project.Services {
		services[name] = true
	}
	commands := regexp.MustCompile(`docker compose ((?:--env-file \S+ )?)(exec|run --rm|stop|restart|logs -f|up -d --force-recreate|up -d --scale|up -d|build --pull|cp redis:|down --volumes)([^\n#`+"`"+`]*)`).FindAllStringSubmatch(readme(t), -1)
	if len(commands) < 15 {
		t.Fatalf("only %d commands were found", len(commands))
	}
	for _, c := range commands {
		if file, named := strings.CutPrefix(strings.TrimSpace(c[1]), "--env-file "); named && file != tryFile {
			t.Errorf("%q: there is no %s", c[0], file)
		}
		words := strings.Fields(c[3])
		switch {
		case len(words) == 0 || c[2] == "cp redis:":
			continue
		case c[2] == "exec" || c[2] == "run --rm":
			words = slices.DeleteFunc(words, func(w string) bool { return w == "-T" })[:1]
		}
		for _, word := range words {
			name, _, _ := strings.Cut(word, ":")
			name, _, _ = strings.Cut(name, "=")
			if !services[name] {
				t.Errorf("%q: there is no service %s", c[0], name)
			}
		}
	}
}

// The README's overrides, each with the file.
func TestTheReadmesOverridesFit(t *testing.T) {
	t.Parallel()
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(readme(t), -1)
	if len(blocks) != 2 {
		t.Fatalf("there are %d blocks of YAML", len(blocks))
	}
	for i, want := range []struct{ service, variable string }{{"web", "PILOTSYNC_AUTH"}, {"worker", "PILOTSYNC_CONFIG"}} {
		override := filepath.Join(t.TempDir(), "docker-compose.override.yml")
		if err := os.WriteFile(override, []byte(blocks[i][1]), 0o600); err != nil {
			t.Fatal(err)
		}
		folder, err := filepath.Abs(root)
		if err != nil {
			t.Fatal(err)
		}
		var env []string
		for name := range three() {
			env = append(env, name+"=unused")
		}
		options, err := cli.NewProjectOptions([]string{composeFile, override}, cli.WithWorkingDirectory(folder), cli.WithEnv(env))
		if err != nil {
			t.Fatal(err)
		}
		project, err := options.LoadProject(t.Context())
		if err != nil {
			t.Fatalf("%v:\n%s", err, blocks[i][1])
		}
		s := project.Services[want.service]
		value := s.Environment[want.variable]
		if value == nil {
			t.Fatalf("%s doesn't have %s", want.service, want.variable)
		}
		inside := false
		for _, v := range s.Volumes {
			inside = inside || v.Type == types.VolumeTypeBind && v.ReadOnly && (*value == v.Target || strings.HasPrefix(*value, v.Target+"/"))
		}
		if before := whole(t).Services[want.service]; !inside || len(s.Volumes) != len(before.Volumes)+1 || len(s.Environment) < len(before.Environment) {
			t.Errorf("%s has %s=%s, mounts %+v", want.service, want.variable, *value, s.Volumes)
		}
	}
}
