package test

import (
	"net/netip"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// container returns a deployment's only container.
func container(t *testing.T, d *appsv1.Deployment) corev1.Container {
	t.Helper()
	if all := d.Spec.Template.Spec.Containers; len(all) != 1 {
		t.Fatalf("%s has %d containers, want one", d.Name, len(all))
	}
	return d.Spec.Template.Spec.Containers[0]
}

// selects reports whether a selector, which must not be empty, matches a deployment's pods.
func selects(t *testing.T, selector *metav1.LabelSelector, d *appsv1.Deployment) bool {
	t.Helper()
	s, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		t.Fatal(err)
	}
	return !s.Empty() && s.Matches(labels.Set(d.Spec.Template.Labels))
}

// selected returns the names of the deployments that a selector matches.
func (m manifests) selected(t *testing.T, selector *metav1.LabelSelector) (names []string) {
	t.Helper()
	for _, d := range m.deployments {
		if selects(t, selector, d) {
			names = append(names, d.Name)
		}
	}
	return names
}

func TestSelectorsMeanTheirOwnPodsAndNoOthers(t *testing.T) {
	t.Parallel()
	for variant := range variants() {
		m := build(t, variant)
		alone := func(what, name string, selector *metav1.LabelSelector) {
			if got := m.selected(t, selector); len(got) != 1 || got[0] != name {
				t.Errorf("%s: %s %s selects %q, want its own pods alone", variant, what, name, got)
			}
		}
		for _, d := range m.deployments {
			alone("Deployment", d.Name, d.Spec.Selector)
			for _, spread := range d.Spec.Template.Spec.TopologySpreadConstraints {
				alone("the spread of", d.Name, spread.LabelSelector)
			}
		}
		for _, b := range m.budgets {
			alone("PodDisruptionBudget", b.Name, b.Spec.Selector)
		}
		for _, p := range m.policies {
			alone("NetworkPolicy", p.Name, &p.Spec.PodSelector)
		}
		for _, s := range m.services {
			alone("Service", s.Name, &metav1.LabelSelector{MatchLabels: s.Spec.Selector})
		}
		for _, p := range m.monitors {
			if got := m.selected(t, &p.Spec.Selector); len(got) != len(m.deployments) {
				t.Errorf("%s: PodMonitor %s selects %q, want all pods", variant, p.Name, got)
			}
		}
	}
}

// port returns a named port of a deployment's pods.
func port(d *appsv1.Deployment, name string) (int32, bool) {
	for _, c := range d.Spec.Template.Spec.Containers {
		for _, p := range c.Ports {
			if p.Name == name {
				return p.ContainerPort, true
			}
		}
	}
	return 0, false
}

func TestEachPortThatIsNamedExists(t *testing.T) {
	t.Parallel()
	for variant := range variants() {
		m := build(t, variant)
		need := func(d *appsv1.Deployment, who string, p *intstr.IntOrString) {
			if p == nil || p.Type != intstr.String {
				t.Errorf("%s: %s has the port %v of %s; it takes a name", variant, who, p, d.Name)
			} else if _, there := port(d, p.StrVal); !there {
				t.Errorf("%s: %s names the port %q, which %s doesn't have", variant, who, p.StrVal, d.Name)
			}
		}
		for _, d := range m.deployments {
			c := container(t, d)
			for what, probe := range map[string]*corev1.Probe{"liveness": c.LivenessProbe, "readiness": c.ReadinessProbe} {
				if probe == nil || probe.HTTPGet == nil {
					t.Fatalf("%s: %s has no %s probe over HTTP", variant, d.Name, what)
				}
				need(d, "the "+what+" probe", &probe.HTTPGet.Port)
			}
			for _, p := range m.policies {
				if !selects(t, &p.Spec.PodSelector, d) {
					continue
				}
				for _, rule := range p.Spec.Ingress {
					if len(rule.From) == 0 || len(rule.Ports) == 0 {
						t.Errorf("%s: %s lets in anybody, or to any port: %+v", variant, p.Name, rule)
					}
					for _, rulePort := range rule.Ports {
						need(d, "NetworkPolicy "+p.Name, rulePort.Port)
					}
				}
			}
			for _, s := range m.services {
				if selects(t, &metav1.LabelSelector{MatchLabels: s.Spec.Selector}, d) {
					for _, p := range s.Spec.Ports {
						need(d, "Service "+s.Name, &p.TargetPort)
					}
				}
			}
			for _, pm := range m.monitors {
				for _, e := range pm.Spec.PodMetricsEndpoints {
					if e.Port == nil {
						t.Fatalf("%s: %s has an endpoint without a port", variant, pm.Name)
					}
					p := intstr.FromString(*e.Port)
					need(d, "PodMonitor "+pm.Name, &p)
				}
			}
		}
	}
}

// The rules of Kubernetes's restricted Pod Security Standard, and a little more.
func TestPodsHaveNoRightsThatTheyDontNeed(t *testing.T) {
	t.Parallel()
	for variant := range variants() {
		for _, d := range build(t, variant).deployments {
			pod, c := d.Spec.Template.Spec, container(t, d)
			own, shared := c.SecurityContext, pod.SecurityContext
			switch {
			case own == nil || shared == nil:
				t.Errorf("%s: %s has no security context", variant, d.Name)
			case shared.RunAsNonRoot == nil || !*shared.RunAsNonRoot || shared.RunAsUser == nil || *shared.RunAsUser == 0:
				t.Errorf("%s: %s may run as root", variant, d.Name)
			case shared.SeccompProfile == nil || shared.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault:
				t.Errorf("%s: %s has no seccomp profile", variant, d.Name)
			case own.ReadOnlyRootFilesystem == nil || !*own.ReadOnlyRootFilesystem, own.AllowPrivilegeEscalation == nil || *own.AllowPrivilegeEscalation:
				t.Errorf("%s: %s may write its files, or gain privileges", variant, d.Name)
			case own.Capabilities == nil || len(own.Capabilities.Add) > 0 || len(own.Capabilities.Drop) != 1 || own.Capabilities.Drop[0] != "ALL":
				t.Errorf("%s: %s has capabilities: %+v", variant, d.Name, own.Capabilities)
			case pod.AutomountServiceAccountToken == nil || *pod.AutomountServiceAccountToken:
				t.Errorf("%s: %s has a service account's token", variant, d.Name)
			case pod.EnableServiceLinks == nil || *pod.EnableServiceLinks:
				t.Errorf("%s: %s gets variables for Services", variant, d.Name)
			}
			for _, v := range pod.Volumes {
				var mode *int32
				switch {
				case v.Secret != nil:
					mode = v.Secret.DefaultMode
				case v.ConfigMap != nil:
					mode = v.ConfigMap.DefaultMode
				default:
					t.Errorf("%s: %s has the volume %s, neither a Secret nor a ConfigMap", variant, d.Name, v.Name)
				}
				if mode == nil || *mode != 0o440 || shared == nil || shared.FSGroup == nil {
					t.Errorf("%s: %s: volume %s isn't for its group alone to read", variant, d.Name, v.Name)
				}
			}
		}
	}
}

func TestNoImageMovesUnderItsTag(t *testing.T) {
	t.Parallel()
	for variant := range variants() {
		for _, d := range build(t, variant).deployments {
			image := container(t, d).Image
			if _, tag, tagged := strings.Cut(image[strings.LastIndex(image, "/")+1:], ":"); !tagged || tag == "" || tag == "latest" {
				t.Errorf("%s: %s has the image %q; it takes a tag, other than latest", variant, d.Name, image)
			}
		}
	}
}

// allows reports whether a policy's ipBlock lets its pods connect to an address and port.
func allows(t *testing.T, p *networkingv1.NetworkPolicy, to netip.Addr, port int) bool {
	t.Helper()
	prefix := func(text string) netip.Prefix {
		parsed, err := netip.ParsePrefix(text)
		if err != nil || parsed != parsed.Masked() {
			t.Fatalf("%s: %q is no network: %v", p.Name, text, err)
		}
		return parsed
	}
	for _, rule := range p.Spec.Egress {
		if len(rule.To) == 0 || len(rule.Ports) == 0 {
			t.Fatalf("%s lets out to anybody, or to any port: %+v", p.Name, rule)
		}
		for _, rulePort := range rule.Ports {
			if rulePort.Port.IntValue() != port || *rulePort.Protocol != corev1.ProtocolTCP {
				continue
			}
		peers:
			for _, peer := range rule.To {
				if peer.IPBlock == nil || !prefix(peer.IPBlock.CIDR).Contains(to) {
					continue
				}
				for _, except := range peer.IPBlock.Except {
					if prefix(except).Contains(to) {
						continue peers
					}
				}
				return true
			}
		}
	}
	return false
}

// A worker probes customers' addresses. Its source says which of them are public; the policy must
// agree.
func TestWorkersReachWhatTheyTakeForPublicAndNothingElse(t *testing.T) {
	t.Parallel()
	m := build(t, "page")
	special := prefixesOf(t, "worker/certcheck/public.go")
	for _, p := range m.policies {
		page := strings.HasSuffix(p.Name, "-page")
		for _, text := range []string{"198.51.100.4", "1.1.1.1", "2606:4700::1111", "2a00:1450::1"} {
			if got := allows(t, p, netip.MustParseAddr(text), 443); got == page {
				t.Errorf("%s: may connect to %s: %v", p.Name, text, got)
			}
			if allows(t, p, netip.MustParseAddr(text), 80) {
				t.Errorf("%s: may connect to port 80 of %s", p.Name, text)
			}
		}
		inside := []netip.Addr{}
		for _, text := range []string{"10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1", "192.168.255.255", "127.0.0.1",
			"169.254.169.254", "224.0.0.1", "239.255.255.255", "255.255.255.255", "::1", "fc00::1", "fd00:ec2::254", "fe80::1", "ff02::1", "64:ff9b::a00:1"} {
			inside = append(inside, netip.MustParseAddr(text))
		}
		for _, s := range special {
			inside = append(inside, s.Addr(), last(s))
		}
		for _, a := range inside {
			if allows(t, p, a, 443) {
				t.Errorf("%s: may connect to %s, which no worker takes for public", p.Name, a)
			}
		}
		// Just outside of each: the policy must not exclude more than the worker does.
		for _, s := range special {
			if next := last(s).Next(); next.IsValid() && !page && public(next, special) && !allows(t, p, next, 443) {
				t.Errorf("%s: may not connect to %s, which is public", p.Name, next)
			}
		}
	}
}

func public(a netip.Addr, special []netip.Prefix) bool {
	for _, s := range special {
		if s.Contains(a) {
			return false
		}
	}
	return a.IsGlobalUnicast() && !a.IsPrivate()
}

// last is a network's last address.
func last(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 1 << (7 - i%8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}
