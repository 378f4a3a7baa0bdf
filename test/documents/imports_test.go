package documents_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// docs/architecture.md says which packages may import which.
func TestImportsGoAsTheArchitectureSays(t *testing.T) {
	t.Parallel()
	const module = "pilotsync/"
	below := func(name string, folders ...string) bool {
		return slices.ContainsFunc(folders, func(folder string) bool { return name == folder || strings.HasPrefix(name, folder+"/") })
	}
	text, err := os.ReadFile(filepath.Join(root, "docs/architecture.md"))
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for line := range strings.Lines(run(t, "go", "list", "-C", root, "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...")) {
		words := strings.Fields(line)
		from := strings.TrimPrefix(words[0], module)
		if !below(from, "deployments", "enqueue/php") && !strings.Contains(string(text), "`"+from+"`") {
			t.Errorf("docs/architecture.md doesn't say what the package %s is for", from)
		}
		for _, imported := range words[1:] {
			to, internal := strings.CutPrefix(imported, module)
			if !internal {
				continue
			}
			found++
			switch {
			case below(to, "test", "bench", "scripts") && !below(from, "test", "bench", "scripts"):
				t.Errorf("%s, a part of the product, imports %s", from, to)
			case from == "tasks", from == "enqueue/functions":
				t.Errorf("%s imports %s; it imports no other package of this module", from, to)
			case from == "enqueue" && to != "tasks" && to != "enqueue/functions":
				t.Errorf("enqueue imports %s; a producer needs tasks and enqueue/functions only", to)
			case to == "worker" && from != "cmd/pilotsync" && from != "internal/demo":
				t.Errorf("%s imports worker, which only wires its packages up for the command and the demo", from)
			case below(from, "worker") && below(to, "internal/config", "internal/dashboard", "internal/doctor", "internal/demo", "internal/simulator"):
				t.Errorf("%s imports %s, which is above it", from, to)
			case from == "worker/listsync" && to != "tasks":
				t.Errorf("worker/listsync imports %s; it knows interfaces only", to)
			}
		}
	}
	if found < 50 {
		t.Errorf("only %d imports were found", found)
	}
}
