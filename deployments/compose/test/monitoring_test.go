package test

import (
	"bytes"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"go.yaml.in/yaml/v3"
)

// strictly decodes a file and refuses unknown fields.
func strictly(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// scrapes is the part of Prometheus's configuration that pilotsync uses.
type scrapes struct {
	Global struct {
		ScrapeInterval     string `yaml:"scrape_interval"`
		EvaluationInterval string `yaml:"evaluation_interval"`
	}
	RuleFiles     []string `yaml:"rule_files"`
	ScrapeConfigs []struct {
		JobName string `yaml:"job_name"`
		DNS     []struct {
			Names           []string
			Type            string
			Port            string
			RefreshInterval string `yaml:"refresh_interval"`
		} `yaml:"dns_sd_configs"`
	} `yaml:"scrape_configs"`
}

// mounted is the file of this machine that a service has at a path.
func mounted(t *testing.T, s types.ServiceConfig, at string) string {
	t.Helper()
	for _, v := range s.Volumes {
		if v.Type == types.VolumeTypeBind && v.Target == at {
			return v.Source
		}
	}
	t.Fatalf("%s has no file at %s", s.Name, at)
	return ""
}

func TestPrometheusLooksWhereTheMetricsAre(t *testing.T) {
	t.Parallel()
	project := whole(t)
	prometheus := project.Services["prometheus"]
	var config scrapes
	strictly(t, mounted(t, prometheus, "/etc/prometheus/prometheus.yml"), &config)
	if len(config.ScrapeConfigs) != 1 || len(config.ScrapeConfigs[0].DNS) != 1 {
		t.Fatalf("there are the jobs %+v, want one with one search", config.ScrapeConfigs)
	}
	job := config.ScrapeConfigs[0]
	for _, name := range config.RuleFiles {
		mounted(t, prometheus, path.Join("/etc/prometheus", name))
	}
	for _, file := range []string{"deployments/prometheus/pilotsync.rules.yml", "deployments/grafana/pilotsync.json"} {
		text, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		jobs := regexp.MustCompile(`job=\\?"([^"\\]+)`).FindAllStringSubmatch(string(text), -1)
		if len(jobs) == 0 {
			t.Fatalf("%s names no job", file)
		}
		for _, found := range jobs {
			if found[1] != job.JobName {
				t.Errorf("%s asks for the job %q, and it is called %q", file, found[1], job.JobName)
			}
		}
	}
	// Each process with metrics has one of the names, and each name belongs to one.
	found := map[string]bool{}
	for name, s := range project.Services {
		listen := s.Environment["PILOTSYNC_HEALTH_LISTEN"]
		if listen == nil {
			continue
		}
		names := []string{name}
		if other, beside := strings.CutPrefix(s.NetworkMode, types.ServicePrefix); beside {
			s = project.Services[other]
			names = nil
		}
		network := s.Networks["metrics"]
		if network != nil {
			names = append(names, network.Aliases...)
		}
		i := slices.IndexFunc(names, func(n string) bool { return slices.Contains(job.DNS[0].Names, n) })
		if _, meets := s.Networks["metrics"]; !meets || i < 0 || *listen != ":"+job.DNS[0].Port {
			t.Errorf("%s tells its metrics at %s under the names %q, and Prometheus looks for them at %s of %q", name, *listen, names, job.DNS[0].Port, job.DNS[0].Names)
			continue
		}
		found[names[i]] = true
	}
	if len(found) != len(job.DNS[0].Names) {
		t.Errorf("of %q only %v are there", job.DNS[0].Names, found)
	}
}

func TestGrafanaFindsItsDataAndItsDashboard(t *testing.T) {
	t.Parallel()
	project := whole(t)
	grafana, prometheus := project.Services["grafana"], project.Services["prometheus"]
	var sources struct {
		APIVersion  int `yaml:"apiVersion"`
		Datasources []struct {
			Name, UID, Type, Access, URL string
			IsDefault                    bool `yaml:"isDefault"`
			Editable                     bool
			JSONData                     struct {
				TimeInterval string `yaml:"timeInterval"`
				ManageAlerts bool   `yaml:"manageAlerts"`
			} `yaml:"jsonData"`
		}
	}
	strictly(t, mounted(t, grafana, "/etc/grafana/provisioning/datasources/pilotsync.yml"), &sources)
	if sources.APIVersion != 1 || len(sources.Datasources) != 1 {
		t.Fatalf("%+v; want one source", sources)
	}
	source := sources.Datasources[0]
	if u, err := url.Parse(source.URL); err != nil || u.Hostname() != prometheus.Name || !slices.Contains(prometheus.Command, "--web.listen-address=:"+u.Port()) {
		t.Errorf("the source is at %s, and %s has %q", source.URL, prometheus.Name, prometheus.Command)
	}
	if _, meet := grafana.Networks["metrics"]; !meet || source.Access != "proxy" {
		t.Errorf("Grafana doesn't reach it: networks %v, access %q", grafana.Networks, source.Access)
	}
	var config scrapes
	strictly(t, mounted(t, prometheus, "/etc/prometheus/prometheus.yml"), &config)
	if source.JSONData.TimeInterval != config.Global.ScrapeInterval {
		t.Errorf("Grafana takes the metrics to come every %s, and they do every %s", source.JSONData.TimeInterval, config.Global.ScrapeInterval)
	}

	var dashboards struct {
		APIVersion int `yaml:"apiVersion"`
		Providers  []struct {
			Name, Type      string
			AllowUIUpdates  bool `yaml:"allowUiUpdates"`
			DisableDeletion bool `yaml:"disableDeletion"`
			Options         struct{ Path string }
		}
	}
	strictly(t, mounted(t, grafana, "/etc/grafana/provisioning/dashboards/pilotsync.yml"), &dashboards)
	if dashboards.APIVersion != 1 || len(dashboards.Providers) != 1 || dashboards.Providers[0].Type != "file" {
		t.Fatalf("%+v; want one provider of files", dashboards)
	}
	var dashboard struct { // JSON is YAML
		UID        string
		Templating struct {
			List []struct{ Name, Type, Query any }
		}
	}
	text, err := os.ReadFile(mounted(t, grafana, path.Join(dashboards.Providers[0].Options.Path, "pilotsync.json")))
	if err == nil {
		err = yaml.Unmarshal(text, &dashboard)
	}
	if err != nil {
		t.Fatal(err)
	}
	// The dashboard has a variable for its source, with the default source of that type.
	first := dashboard.Templating.List[0]
	if first.Type != "datasource" || first.Query != source.Type || !source.IsDefault {
		t.Errorf("the dashboard takes a %v of type %v, and the source is of type %s, default %v", first.Type, first.Query, source.Type, source.IsDefault)
	}
	if home := grafana.Environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]; home == nil || !strings.HasPrefix(*home, dashboards.Providers[0].Options.Path+"/") {
		t.Errorf("the first page is %v", home)
	} else {
		mounted(t, grafana, *home)
	}
}
