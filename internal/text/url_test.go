package text

import "testing"

func TestOnlyTheHostOfAnotherURLIsShown(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"https://hooks.example.com":                "https://hooks.example.com",
		"http://hooks.example.com:8080/":           "http://hooks.example.com:8080/",
		"https://hooks.example.com/T1/hunter2":     "https://hooks.example.com/[redacted]",
		"https://hooks.example.com?token=hunter2":  "https://hooks.example.com/[redacted]",
		"https://u:hunter2@hooks.example.com/":     "https://[redacted]@hooks.example.com/",
		"https://u:hun/hunter2@hooks.example.com/": "[redacted]",
		"https://hooks.example.com/#hunter2":       "https://hooks.example.com/[redacted]",
		"https://[::1]:8443/x":                     "https://[::1]:8443/[redacted]",
		"https://[::1]hunter2":                     "[redacted]",
		"https://:hunter2":                         "[redacted]",
		"hooks.example.com/hunter2":                "[redacted]",
		"whsec_hunter2":                            "[redacted]",
		"":                                         "[redacted]",
	} {
		if got := HostOnly(raw); got != want {
			t.Errorf("%s is shown as %s, want %s", raw, got, want)
		}
	}
	const text = `unexpected argument redis://u:hunter2@h/0 and "https://h/p?x=hunter2" and more`
	if got, want := HideURLs(text), `unexpected argument redis://[redacted]@h/[redacted] and "https://h/[redacted]" and more`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
