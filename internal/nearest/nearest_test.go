package nearest

import "testing"

func TestTheWordWithTheFewestEditsIsTheNearest(t *testing.T) {
	t.Parallel()
	known := []string{"accounts", "webhooks", "apps"}
	for word, want := range map[string]string{"acounts": "accounts", "webhook": "webhooks", "app": "apps", "Accounts": "accounts", "": "apps"} {
		if got := Word(word, known); got != want {
			t.Errorf("Word(%q) = %q, want %q", word, got, want)
		}
	}
	for pair, want := range map[[2]string]int{{"", ""}: 0, {"abc", ""}: 3, {"", "abc"}: 3, {"kitten", "sitting"}: 3, {"abc", "abc"}: 0} {
		if got := Distance(pair[0], pair[1]); got != want {
			t.Errorf("Distance(%q) = %d, want %d", pair, got, want)
		}
	}
}
