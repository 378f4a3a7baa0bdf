package test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	kedav1alpha1 "github.com/kedacore/keda/v2/apis/keda/v1alpha1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"sigs.k8s.io/yaml"
)

// scaler returns the example's ScaledObject and its only trigger.
func scaler(t *testing.T) (*kedav1alpha1.ScaledObject, kedav1alpha1.ScaleTriggers) {
	t.Helper()
	m := build(t, "example")
	if len(m.scalers) != 1 || len(m.scalers[0].Spec.Triggers) != 1 {
		t.Fatalf("there are %d scalers; want one with one trigger", len(m.scalers))
	}
	return m.scalers[0], m.scalers[0].Spec.Triggers[0]
}

func TestTheScalerIsAsKEDATakesIt(t *testing.T) {
	t.Parallel()
	so, trigger := scaler(t)
	if err := kedav1alpha1.CheckReplicaCountBoundsAreValid(so); err != nil {
		t.Error(err)
	}
	if err := kedav1alpha1.CheckFallbackValid(so); err != nil {
		t.Error(err)
	}
	if err := kedav1alpha1.ValidateTriggers(so.Spec.Triggers); err != nil {
		t.Error(err)
	}
	if so.Spec.Fallback == nil || so.Spec.Fallback.Behavior != kedav1alpha1.FallbackBehaviorCurrentReplicas {
		t.Errorf("the fallback is %+v; the count is to stay as it is", so.Spec.Fallback)
	}
	if trigger.MetricType != autoscalingv2.ValueMetricType {
		t.Errorf("the metric's type is %q; a time takes Value", trigger.MetricType)
	}
	if so.Spec.MinReplicaCount == nil || *so.Spec.MinReplicaCount < 1 || so.Spec.CooldownPeriod != nil {
		t.Error("minReplicaCount takes one or more, and then cooldownPeriod has no meaning and is left out")
	}
	known := triggerFields(t)
	for key := range trigger.Metadata {
		if _, there := known[key]; !there {
			t.Errorf("KEDA's scaler for Prometheus has no %q; it has %v", key, known)
		}
	}
	for key, needed := range known {
		if needed && trigger.Metadata[key] == "" {
			t.Errorf("the trigger has no %s", key)
		}
	}
}

// triggerFields are the fields of KEDA's Prometheus scaler, by the tags in its
// source, and whether each is needed. Importing it would draw in every scaler.
func triggerFields(t *testing.T) map[string]bool {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/kedacore/keda/v2").Output()
	if err != nil {
		t.Fatal("go list -m: ", err)
	}
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(strings.TrimSpace(string(out)), "pkg/scalers/prometheus_scaler.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	fields := map[string]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		if f, ok := n.(*ast.Field); ok && f.Tag != nil {
			raw, _ := strconv.Unquote(f.Tag.Value)
			tag := reflect.StructTag(raw).Get("keda")
			if name := regexp.MustCompile(`name=(\w+)`).FindStringSubmatch(tag); name != nil && strings.Contains(tag, "triggerMetadata") {
				fields[name[1]] = !strings.Contains(tag, "optional") && !strings.Contains(tag, "default")
			}
		}
		return true
	})
	if len(fields) == 0 {
		t.Fatal("KEDA's source has no tags of its fields where they were")
	}
	return fields
}

func TestTheScalerScalesTheWorkersWhoseCountIsLeftToIt(t *testing.T) {
	t.Parallel()
	for _, variant := range []string{"keda", "example"} {
		m, found := build(t, variant), false
		target := m.scalers[0].Spec.ScaleTargetRef
		for _, d := range m.deployments {
			if d.Name != target.Name {
				continue
			}
			found = true
			if d.Spec.Replicas != nil || (target.Kind != "" && target.Kind != "Deployment") || d.Namespace != m.scalers[0].Namespace {
				t.Errorf("%s: replicas %v, target %+v in %q; an apply would undo the scaler's count", variant, d.Spec.Replicas, target, m.scalers[0].Namespace)
			}
		}
		if !found {
			t.Errorf("%s: there is no deployment %q", variant, target.Name)
		}
	}
}

// The query's results for workers' metrics, by Prometheus's own test tool.
func TestTheQueryIsTheLongestWaitThatWorkersCanShorten(t *testing.T) {
	t.Parallel()
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("needs promtool on PATH (Debian: prometheus): ", err)
	}
	_, trigger := scaler(t)
	type series struct {
		Series string `json:"series"`
		Values string `json:"values"`
	}
	type sample struct {
		Labels string  `json:"labels"`
		Value  float64 `json:"value"`
	}
	type expectation struct {
		Expr       string   `json:"expr"`
		EvalTime   string   `json:"eval_time"`
		ExpSamples []sample `json:"exp_samples"`
	}
	type group struct {
		Interval    string        `json:"interval"`
		InputSeries []series      `json:"input_series"`
		Expressions []expectation `json:"promql_expr_test"`
	}
	metrics := func(job, instance, queue string, waits, paused float64) []series {
		of := fmt.Sprintf(`{job=%q, instance=%q, namespace="pilotsync", queue=%q}`, job, instance, queue)
		return []series{{"asynq_queue_latency_seconds" + of, fmt.Sprint(waits)}, {"asynq_queue_paused_total" + of, fmt.Sprint(paused)}}
	}
	postponed := func(job, instance, kind string, waits float64) []series {
		return []series{{fmt.Sprintf(`pilotsync_slot_wait_seconds{job=%q, instance=%q, namespace="pilotsync", kind=%q}`, job, instance, kind), fmt.Sprint(waits)}}
	}
	var groups []group
	for _, test := range []struct {
		series []series
		want   []sample
	}{
		{slices.Concat(metrics("pilotsync", "a", "domains", 3, 0), metrics("pilotsync", "a", "lists", 40, 0), metrics("pilotsync", "b", "lists", 41, 0), metrics("pilotsync", "b", "ssl", 0, 0)), []sample{{"{}", 41}}},
		{slices.Concat(metrics("pilotsync", "a", "ssl", 7, 0), metrics("pilotsync", "a", "events", 900, 0)), []sample{{"{}", 7}}},
		{slices.Concat(metrics("pilotsync", "a", "lists", 900, 1), metrics("pilotsync", "a", "domains", 2, 0)), []sample{{"{}", 2}}},
		{metrics("pilotsync", "a", "lists", 900, 1), []sample{{"{}", 0}}},
		{slices.Concat(metrics("pilotsync", "a", "ssl", 3, 0), postponed("pilotsync", "a", "account", 40), postponed("pilotsync", "a", "app", 50), postponed("pilotsync", "a", "endpoint", 900)), []sample{{"{}", 50}}},
		{slices.Concat(metrics("pilotsync", "a", "ssl", 70, 0), metrics("pilotsync", "b", "ssl", 70, 0), postponed("pilotsync", "a", "account", 40), postponed("pilotsync", "b", "account", 80)), []sample{{"{}", 80}}},
		{slices.Concat(metrics("pilotsync", "a", "lists", 900, 1), postponed("pilotsync", "a", "account", 40)), []sample{{"{}", 40}}},
		{slices.Concat(metrics("another", "a", "lists", 900, 0), postponed("another", "a", "account", 900)), nil}, // no figures: the fallback applies
		{postponed("pilotsync", "a", "account", 0), nil}, // Redis can't be asked
	} {
		groups = append(groups, group{"15s", test.series, []expectation{{trigger.Metadata["query"], "0", test.want}}})
	}
	text, err := yaml.Marshal(map[string]any{"rule_files": []string{}, "evaluation_interval": "15s", "tests": groups})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "query_test.yml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), promtool, "test", "rules", file).CombinedOutput(); err != nil {
		t.Errorf("promtool: %v\n%s", err, out)
	}
}

// The query's job is the one that the monitor creates.
func TestTheMonitorMakesTheJobThatTheQueryNames(t *testing.T) {
	t.Parallel()
	m := build(t, "example")
	_, trigger := scaler(t)
	for _, d := range m.deployments {
		if job := d.Spec.Template.Labels[m.monitors[0].Spec.JobLabel]; !strings.Contains(trigger.Metadata["query"], fmt.Sprintf("job=%q", job)) {
			t.Errorf("%s is scraped as job %q, which the query doesn't ask for", d.Name, job)
		}
	}
}
