package deployments_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const (
	rulesFile     = "prometheus/pilotsync.rules.yml"
	rulesTestFile = "prometheus/pilotsync.rules_test.yml"
	dashboardFile = "grafana/pilotsync.json"
)

type alert struct {
	Alert, Expr, For    string
	Labels, Annotations map[string]string
}

func alerts(t *testing.T) []alert {
	t.Helper()
	var file struct {
		Groups []struct{ Rules []alert }
	}
	decodeFile(t, rulesFile, &file, yaml.Unmarshal)
	var all []alert
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	if len(all) == 0 {
		t.Fatal("there are no rules")
	}
	return all
}

func decodeFile(t *testing.T, name string, into any, decode func([]byte, any) error) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err == nil {
		err = decode(text, into)
	}
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// threshold is the comparison that a rule's expression ends with.
var threshold = regexp.MustCompile(` [<>] [0-9.* ]+$`)

func TestEachAlertSaysWhatToDoAndIsTestedBothWays(t *testing.T) {
	t.Parallel()
	var file struct {
		Tests []struct {
			AlertRuleTest []struct {
				Alertname string
				ExpAlerts []any `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		}
	}
	decodeFile(t, rulesTestFile, &file, yaml.Unmarshal)
	fires, silent := map[string]bool{}, map[string]bool{}
	for _, test := range file.Tests {
		for _, a := range test.AlertRuleTest {
			if len(a.ExpAlerts) > 0 {
				fires[a.Alertname] = true
			} else {
				silent[a.Alertname] = true
			}
		}
	}
	for _, a := range alerts(t) {
		if !fires[a.Alert] || !silent[a.Alert] {
			t.Errorf("%s: tested where it fires: %v, where it doesn't: %v", a.Alert, fires[a.Alert], silent[a.Alert])
		}
		if !slices.Contains([]string{"critical", "warning"}, a.Labels["severity"]) {
			t.Errorf("%s has the severity %q", a.Alert, a.Labels["severity"])
		}
		if a.Annotations["summary"] == "" || len(strings.Fields(a.Annotations["description"])) < 15 {
			t.Errorf("%s: a summary, and a description with the remedy, are needed", a.Alert)
		}
		if !threshold.MatchString(a.Expr) {
			t.Errorf("%s: %q doesn't end with a comparison with a number, so its other side can't be checked", a.Alert, a.Expr)
		}
	}
}

func TestPromtoolAcceptsTheRulesAndTheirTests(t *testing.T) {
	t.Parallel()
	promtool := binary(t, "promtool")
	for _, args := range [][]string{{"check", "rules", "pilotsync.rules.yml"}, {"test", "rules", "pilotsync.rules_test.yml"}, {"check", "config", "prometheus.yml"}} {
		cmd := exec.CommandContext(t.Context(), promtool, args...)
		cmd.Dir = "prometheus"
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

type panel struct {
	ID                       int
	Type, Title, Description string
	GridPos                  struct{ H, W, X, Y int }
	Datasource               struct{ UID string }
	Targets                  []struct {
		Expr, RefID string
		Datasource  struct{ UID string }
	}
}

type dashboard struct {
	UID        string
	Panels     []panel
	Templating struct {
		List []struct {
			Name, Type string
			Query      json.RawMessage
			Definition string
		}
	}
}

func TestTheDashboardIsWhole(t *testing.T) {
	t.Parallel()
	var d dashboard
	decodeFile(t, dashboardFile, &d, json.Unmarshal)
	ids, cells := map[int]bool{}, map[[2]int]string{}
	for _, p := range d.Panels {
		if ids[p.ID] {
			t.Errorf("%s: another panel has the id %d, too", p.Title, p.ID)
		}
		ids[p.ID] = true
		if p.GridPos.X+p.GridPos.W > 24 {
			t.Errorf("%s is beyond the grid's right end", p.Title)
		}
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other, taken := cells[[2]int{x, y}]; taken {
					t.Fatalf("%q and %q overlap", p.Title, other)
				}
				cells[[2]int{x, y}] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		if p.Description == "" || len(p.Targets) == 0 || p.Datasource.UID != "${datasource}" {
			t.Errorf("%s: a description, a query and the data source ${datasource} are needed", p.Title)
		}
		for _, target := range p.Targets {
			if target.Datasource.UID != "${datasource}" {
				t.Errorf("%s: a query's data source is %q", p.Title, target.Datasource.UID)
			}
		}
	}
	if len(d.Panels) < 20 || len(d.Templating.List) != 2 || d.Templating.List[0].Type != "datasource" {
		t.Errorf("%d panels, variables %+v", len(d.Panels), d.Templating.List)
	}
}
