// Package test checks the manifests against the types of their API, against the program, and
// against each other.
package test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	kedav1alpha1 "github.com/kedacore/keda/v2/apis/keda/v1alpha1"
	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// variants are the kustomizations to build, by name. Each component is also built alone, since a
// cluster may use any of them.
func variants() map[string]string {
	const with = "resources: [../base]\ncomponents: [../components/"
	return map[string]string{
		"base":       "resources: [../base]",
		"page":       with + "page]",
		"podmonitor": with + "podmonitor]",
		"keda":       with + "keda]",
		"example":    "resources: [../example]",
	}
}

// manifests are the decoded objects of a variant.
type manifests struct {
	deployments []*appsv1.Deployment
	budgets     []*policyv1.PodDisruptionBudget
	policies    []*networkingv1.NetworkPolicy
	services    []*corev1.Service
	configs     []*corev1.ConfigMap
	scalers     []*kedav1alpha1.ScaledObject
	monitors    []*monitoringv1.PodMonitor
}

// build renders a variant as `kubectl apply -k` does, and decodes it strictly.
func build(t *testing.T, variant string) manifests {
	t.Helper()
	files := filesys.MakeFsInMemory()
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".yaml") && !strings.HasSuffix(path, ".yml") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return files.WriteFile("/"+filepath.ToSlash(strings.TrimPrefix(path, "../")), text)
	})
	if err == nil {
		err = files.WriteFile("/variant/kustomization.yaml", []byte(variants()[variant]))
	}
	if err != nil {
		t.Fatal(err)
	}
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(files, "/variant")
	if err != nil {
		t.Fatalf("%s can't be built: %v", variant, err)
	}
	decoder := strictDecoder(t)
	var m manifests
	for _, resource := range built.Resources() {
		text, err := resource.AsYAML()
		if err != nil {
			t.Fatal(err)
		}
		m.add(t, decode(t, decoder, variant+": "+resource.CurId().String(), text))
	}
	return m
}

func (m *manifests) add(t *testing.T, object runtime.Object) {
	t.Helper()
	switch o := object.(type) {
	case *appsv1.Deployment:
		m.deployments = append(m.deployments, o)
	case *policyv1.PodDisruptionBudget:
		m.budgets = append(m.budgets, o)
	case *networkingv1.NetworkPolicy:
		m.policies = append(m.policies, o)
	case *corev1.Service:
		m.services = append(m.services, o)
	case *corev1.ConfigMap:
		m.configs = append(m.configs, o)
	case *kedav1alpha1.ScaledObject:
		m.scalers = append(m.scalers, o)
	case *monitoringv1.PodMonitor:
		m.monitors = append(m.monitors, o)
	default:
		t.Errorf("there is a %T, which no test checks", o)
	}
}

// strictDecoder refuses unknown fields, fields given twice, and values of another type.
func strictDecoder(t *testing.T) runtime.Decoder {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{appsv1.AddToScheme, corev1.AddToScheme, networkingv1.AddToScheme, policyv1.AddToScheme,
		kedav1alpha1.AddToScheme, monitoringv1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	return json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme, scheme, json.SerializerOptions{Yaml: true, Strict: true})
}

func decode(t *testing.T, decoder runtime.Decoder, what string, text []byte) runtime.Object {
	t.Helper()
	object, _, err := decoder.Decode(text, nil, nil)
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	return object
}

func TestEachVariantIsBuiltAndDecodedStrictly(t *testing.T) {
	t.Parallel()
	for variant := range variants() {
		if m := build(t, variant); len(m.deployments) == 0 || len(m.budgets) != 1 || len(m.policies) != len(m.deployments) {
			t.Errorf("%s: %d deployments, %d budgets, %d policies; want a policy for each deployment, and a budget", variant, len(m.deployments), len(m.budgets), len(m.policies))
		}
	}
}

// The source files, since kustomize's output could hide a field that is given twice.
func TestEachFileIsDecodedStrictly(t *testing.T) {
	t.Parallel()
	decoder, files := strictDecoder(t), 0
	for _, pattern := range []string{"../base/*.yaml", "../components/*/*.yaml", "../example/*.yaml"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if filepath.Base(name) == "kustomization.yaml" { // krusty reads those, strictly, too
				continue
			}
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			decode(t, decoder, name, text)
			files++
		}
	}
	if files < 8 {
		t.Errorf("%d files were checked; there are 8 or more", files)
	}
}

func TestTheDecoderIsStrict(t *testing.T) {
	t.Parallel()
	const head = "apiVersion: policy/v1\nkind: PodDisruptionBudget\nspec:\n"
	for what, text := range map[string]string{"an unknown field": "  maxUnavailble: 1\n", "a field twice": "  maxUnavailable: 1\n  maxUnavailable: 2\n", "a value of another type": "  maxUnavailable: [1]\n"} {
		if _, _, err := strictDecoder(t).Decode([]byte(head+text), nil, nil); err == nil {
			t.Errorf("%s is taken", what)
		}
	}
}
