// Package test checks docker-compose.yml, the image and their files against Compose's own rules,
// the program, and each other. Package engine runs them.
package test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

const (
	root        = "../../.."
	composeFile = root + "/docker-compose.yml"
	tryFile     = "deployments/compose/try.env"
)

// three are the only variables needed.
func three() map[string]string {
	return map[string]string{"WU_SERVER_PILOT_CLIENT_ID": "cid_test", "WU_SERVER_PILOT_API_KEY": "key_test", "WU_SERVER_PILOT_APP_ID": "app1"}
}

// load loads the project as docker compose does, with these variables only, and with an --env-file
// if one is named.
func load(t *testing.T, variables map[string]string, envFiles ...string) (*types.Project, error) {
	t.Helper()
	return loadFile(t, composeFile, variables, envFiles...)
}

func loadFile(t *testing.T, file string, variables map[string]string, envFiles ...string) (*types.Project, error) {
	t.Helper()
	folder, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	var env []string
	for name, value := range variables {
		env = append(env, name+"="+value)
	}
	for i, name := range envFiles {
		envFiles[i] = filepath.Join(folder, name)
	}
	if len(envFiles) == 0 {
		envFiles = []string{os.DevNull} // not a developer's .env beside the file
	}
	// In the order of docker compose.
	options, err := cli.NewProjectOptions([]string{file}, cli.WithWorkingDirectory(folder), cli.WithEnv(env), cli.WithEnvFiles(envFiles...),
		cli.WithDotEnv, cli.WithConfigFileEnv, cli.WithDefaultConfigPath, cli.WithDefaultProfiles())
	if err != nil {
		return nil, err
	}
	return options.LoadProject(t.Context())
}

// whole is the project with the services of all profiles.
func whole(t *testing.T) *types.Project {
	t.Helper()
	project, err := load(t, three())
	if err == nil {
		project, err = project.WithProfiles([]string{"*"})
	}
	if err != nil {
		t.Fatal(err)
	}
	return project
}

func TestThreeVariablesAreAllItTakes(t *testing.T) {
	t.Parallel()
	project, err := load(t, three())
	if err != nil {
		t.Fatal(err)
	}
	if got, want := project.ServiceNames(), []string{"grafana", "passwords", "prometheus", "redis", "web", "worker"}; !slices.Equal(got, want) {
		t.Errorf("it starts %q, want %q", got, want)
	}
	for name := range three() {
		without := three()
		delete(without, name)
		if _, err := load(t, without); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("without %s: %v; want its name", name, err)
		}
		empty := three()
		empty[name] = ""
		if _, err := load(t, empty); err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "set it to") {
			t.Errorf("with %s empty: %v; want its name and what it takes", name, err)
		}
	}
}

func TestTheFileIsReadStrictly(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(composeFile)
	if err != nil {
		t.Fatal(err)
	}
	for wrong, right := range map[string]string{"    usre: \"999:1000\"": "    user: \"999:1000\"", "    stop_grace_period: soon": "    stop_grace_period: 1m", "volumez:": "\nvolumes:"} {
		changed := strings.Replace(string(text), right, wrong, 1)
		if changed == string(text) {
			t.Fatalf("%q isn't in the file", right)
		}
		file := filepath.Join(t.TempDir(), "docker-compose.yml")
		if err := os.WriteFile(file, []byte(changed), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := loadFile(t, file, three()); err == nil {
			t.Errorf("it is taken with %q", wrong)
		}
	}
}

func TestTheTrialHasNothingToDoWithTheRealServerPilot(t *testing.T) {
	t.Parallel()
	real, err := load(t, three())
	if err != nil {
		t.Fatal(err)
	}
	for name, variables := range map[string]map[string]string{"nothing is set": nil, "the real account is set": three()} {
		project, err := load(t, variables, tryFile)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		worker := project.Services["worker"]
		if project.Name == real.Name || worker.GetScale() != 0 {
			t.Errorf("%s: project %q with %d workers for ServerPilot; want another than %q, and none", name, project.Name, worker.GetScale(), real.Name)
		}
		for _, service := range []string{"simulator", "try-worker"} {
			s, there := project.Services[service]
			if !there {
				t.Fatalf("%s: there is no %s", name, service)
			}
			for variable, value := range s.Environment {
				for _, secret := range three() {
					if secret != "app1" && value != nil && *value == secret {
						t.Errorf("%s: %s has %s of the real account", name, service, variable)
					}
				}
			}
		}
	}
}

func TestEachFileAndVolumeThatIsNamedExists(t *testing.T) {
	t.Parallel()
	project := whole(t)
	used := map[string]bool{}
	for name, s := range project.Services {
		for _, v := range s.Volumes {
			switch v.Type {
			case types.VolumeTypeBind:
				if info, err := os.Stat(v.Source); err != nil || !info.Mode().IsRegular() || !v.ReadOnly {
					t.Errorf("%s: %s is mounted at %s; it takes a file that is there, read-only (%v)", name, v.Source, v.Target, err)
				}
			case types.VolumeTypeVolume:
				used[v.Source] = true
			default:
				t.Errorf("%s: there is a mount of type %s, which no test checks", name, v.Type)
			}
		}
		if len(s.Configs) > 0 || len(s.EnvFiles) > 0 {
			t.Errorf("%s has configs %v or files of variables %v, which no test checks", name, s.Configs, s.EnvFiles)
		}
	}
	if declared := slices.Sorted(maps.Keys(project.Volumes)); !slices.Equal(declared, slices.Sorted(maps.Keys(used))) {
		t.Errorf("volumes %q are declared, %q are mounted", declared, slices.Sorted(maps.Keys(used)))
	}
	if len(project.Secrets) > 0 { // Compose doesn't detect that one has changed
		t.Errorf("there are the secrets %+v", project.Secrets)
	}
}

// A folder of secrets belongs to one service, which alone may read it. Only the service that makes
// the secrets may write it.
func TestEachServiceHasItsOwnSecretsAlone(t *testing.T) {
	t.Parallel()
	owners := map[string][]string{"kept": nil, "redis": {"redis"}, "worker": {"try-worker", "worker"}, "page": {"web"}, "grafana": {"grafana"}}
	readers := map[string][]string{}
	for name, s := range whole(t).Services {
		for _, v := range s.Volumes {
			if _, secret := owners[v.Source]; !secret {
				continue
			}
			if name != "passwords" {
				readers[v.Source] = append(readers[v.Source], name)
				if !v.ReadOnly {
					t.Errorf("%s may write %s", name, v.Source)
				}
			}
			if want := "/var/lib/pilotsync/" + v.Source; v.Target != want {
				t.Errorf("%s has %s at %s, want %s", name, v.Source, v.Target, want)
			}
		}
	}
	for volume, want := range owners {
		slices.Sort(readers[volume])
		if !slices.Equal(readers[volume], want) {
			t.Errorf("%s is read by %q, want %q", volume, readers[volume], want)
		}
	}
}

func TestContainersHaveNoRightsThatTheyDontNeed(t *testing.T) {
	t.Parallel()
	for name, s := range whole(t).Services {
		if !s.ReadOnly {
			t.Errorf("%s may write to its root", name)
		}
		if uid, gid, _ := strings.Cut(s.User, ":"); uid == "" || uid == "0" || gid == "" || strings.Trim(s.User, "0123456789:") != "" {
			t.Errorf("%s runs as %q; it takes numbers of a user and a group, and not root", name, s.User)
		}
		if !slices.Equal(s.CapDrop, []string{"ALL"}) || len(s.CapAdd) > 0 || s.Privileged || !slices.Contains(s.SecurityOpt, "no-new-privileges:true") {
			t.Errorf("%s: capabilities -%q +%q, privileged %v, %q", name, s.CapDrop, s.CapAdd, s.Privileged, s.SecurityOpt)
		}
		if s.Logging == nil || s.Logging.Options["max-size"] == "" || s.Logging.Options["max-file"] == "" {
			t.Errorf("%s may fill the disk with its log: %+v", name, s.Logging)
		}
		if s.PidsLimit == 0 || s.MemLimit == 0 && name != "redis" {
			t.Errorf("%s has no limit of processes or memory", name)
		}
		if s.StopGracePeriod == nil && name != "passwords" && name != "restore" {
			t.Errorf("%s has no time to stop", name)
		}
		for _, port := range s.Ports {
			if port.HostIP != "127.0.0.1" {
				t.Errorf("%s publishes %d at %q", name, port.Target, port.HostIP)
			}
		}
		image, tag, tagged := strings.Cut(s.Image, ":")
		if s.Build == nil && (!tagged || len(strings.Split(tag, ".")) < 3) || strings.Contains(strings.Split(image, "/")[0], ".") {
			t.Errorf("%s has the image %q; it takes a tag with three numbers", name, s.Image)
		}
		if _, redis := s.Networks["redis"]; redis && (name == "grafana" || name == "prometheus") {
			t.Errorf("%s can reach Redis", name)
		}
	}
}
