package enqueue

import (
	"os"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pilotsync/tasks"
)

// A state has one name for people: the plugin's is that of the commands and the dashboard.
func TestThePluginNamesStatesLikeTheCommands(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("php/wordpress/src/StateName.php")
	if err != nil {
		t.Fatal(err)
	}
	got, want := map[string]string{}, map[string]string{}
	for _, found := range regexp.MustCompile(`case '([a-z-]+)':\s+return __\( '([^']+)', 'pilotsync' \);`).FindAllSubmatch(source, -1) {
		got[string(found[1])] = string(found[2])
	}
	for _, state := range tasks.States() {
		want[string(state)] = state.Name()
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
