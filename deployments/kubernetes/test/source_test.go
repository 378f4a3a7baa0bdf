package test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
)

// root is the path to the program's module.
const root = "../../.."

// source parses the Go files of a folder of the program, or one file, without tests.
func source(t *testing.T, path string) []*ast.File {
	t.Helper()
	names := []string{filepath.Join(root, path)}
	if !strings.HasSuffix(path, ".go") {
		var err error
		if names, err = filepath.Glob(filepath.Join(root, path, "*.go")); err != nil {
			t.Fatal(err)
		}
	}
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	if len(files) == 0 {
		t.Fatalf("there is no source in %s", path)
	}
	return files
}

// duration is the value of a constant in a package of the program, read from its source. It
// isn't exported, and a copied number would become outdated.
func duration(t *testing.T, folder, name string) time.Duration {
	t.Helper()
	for _, file := range source(t, folder) {
		for _, d := range file.Decls {
			group, ok := d.(*ast.GenDecl)
			if !ok || group.Tok != token.CONST {
				continue
			}
			for _, spec := range group.Specs {
				value := spec.(*ast.ValueSpec)
				for i, n := range value.Names {
					if n.Name == name && i < len(value.Values) {
						return evaluate(t, folder, file, value.Values[i])
					}
				}
			}
		}
	}
	t.Fatalf("%s has no constant %s", folder, name)
	return 0
}

func evaluate(t *testing.T, folder string, file *ast.File, e ast.Expr) time.Duration {
	t.Helper()
	switch e := e.(type) {
	case *ast.ParenExpr:
		return evaluate(t, folder, file, e.X)
	case *ast.BasicLit:
		n, err := strconv.ParseInt(e.Value, 0, 64)
		if err != nil {
			t.Fatal(err)
		}
		return time.Duration(n)
	case *ast.Ident:
		return duration(t, folder, e.Name)
	case *ast.BinaryExpr:
		x, y := evaluate(t, folder, file, e.X), evaluate(t, folder, file, e.Y)
		switch e.Op {
		case token.ADD:
			return x + y
		case token.SUB:
			return x - y
		case token.MUL:
			return x * y
		}
	case *ast.SelectorExpr:
		pkg := fmt.Sprint(e.X)
		if unit, known := map[string]time.Duration{"Millisecond": time.Millisecond, "Second": time.Second, "Minute": time.Minute}[e.Sel.Name]; known && pkg == "time" {
			return unit
		}
		for _, imported := range file.Imports {
			path, _ := strconv.Unquote(imported.Path.Value)
			if inside, own := strings.CutPrefix(path, "pilotsync/"); own && filepath.Base(path) == pkg {
				return duration(t, inside, e.Sel.Name)
			}
		}
	}
	t.Fatalf("%s: can't make a duration of %T", folder, e)
	return 0
}

// prefixesOf are the networks in a source file's list named special.
func prefixesOf(t *testing.T, path string) (prefixes []netip.Prefix) {
	t.Helper()
	ast.Inspect(source(t, path)[0], func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || spec.Names[0].Name != "special" {
			return true
		}
		ast.Inspect(spec, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				if text, _ := strconv.Unquote(lit.Value); strings.Contains(text, "/") {
					prefixes = append(prefixes, netip.MustParsePrefix(text))
				}
			}
			return true
		})
		return false
	})
	if len(prefixes) == 0 {
		t.Fatalf("%s has no list named special", path)
	}
	return prefixes
}

func TestAPodHasTheTimeThatTheProgramTakesToStop(t *testing.T) {
	t.Parallel()
	page := duration(t, "internal/dashboard", "shutdownLimit")
	work := duration(t, "worker", "shutdownTimeout")
	for variant := range variants() {
		for _, d := range build(t, variant).deployments {
			needs := page
			if container(t, d).Args[0] == "worker" {
				needs += work // the dashboard ends after the work
			}
			given := d.Spec.Template.Spec.TerminationGracePeriodSeconds
			if given == nil {
				t.Errorf("%s: %s has no grace period", variant, d.Name)
			} else if *given <= int64((needs + 5*time.Second).Seconds()) {
				t.Errorf("%s: %s has a grace period of %d s; it takes more than %s and 5 s to spare", variant, d.Name, *given, needs)
			}
		}
	}
}

// The benchmark's goals are in its source, as memoryRow's limits in MiB.
func TestAPodHasTheMemoryThatTheBenchmarkAllows(t *testing.T) {
	t.Parallel()
	most := int64(0)
	for _, file := range source(t, "bench") {
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || fmt.Sprint(call.Fun) != "memoryRow" {
				return true
			}
			for _, arg := range call.Args {
				if lit, ok := arg.(*ast.BasicLit); ok && lit.Kind == token.INT {
					n, _ := strconv.ParseInt(lit.Value, 0, 64)
					most = max(most, n)
				}
			}
			return true
		})
	}
	if most == 0 {
		t.Fatal("bench has no goal of memory: no call of memoryRow with a number")
	}
	for variant := range variants() {
		for _, d := range build(t, variant).deployments {
			r := container(t, d).Resources
			if limit, goal := r.Limits.Memory(), resource.NewQuantity(2*most<<20, resource.BinarySI); limit.Cmp(*goal) < 0 {
				t.Errorf("%s: %s has a memory limit of %s; it takes twice the benchmark's goal, %s", variant, d.Name, limit, goal)
			}
			if r.Requests.Memory().IsZero() || r.Requests.Cpu().IsZero() || !r.Limits.Cpu().IsZero() {
				t.Errorf("%s: %s: requests %v, limits %v; it takes requests of both, and no limit of CPU", variant, d.Name, r.Requests, r.Limits)
			}
		}
	}
}
