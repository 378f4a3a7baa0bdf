package loopback

import "testing"

func TestIs(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]bool{
		"localhost": true, "LocalHost": true, "127.0.0.1": true, "127.9.9.9": true, "::1": true, "::ffff:127.0.0.1": true,
		"": false, "0.0.0.0": false, "::": false, "192.0.2.1": false, "::ffff:192.0.2.1": false, "example.com": false,
		"localhost.example.com": false, "[::1]": false, "127.0.0.1:80": false,
	} {
		if got := Is(host); got != want {
			t.Errorf("Is(%q) is %v", host, got)
		}
	}
}
