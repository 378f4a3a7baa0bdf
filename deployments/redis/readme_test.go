package redis_test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"pilotsync/test/redistest"
)

// printed is the documents' command that writes an instance's configuration.
var printed = regexp.MustCompile(`(?m)^ +(printf .*) >/etc/redis/redis-pilotsync\.conf$`)

func TestTheDocumentsInstanceKeepsItsDataAndBoundsValues(t *testing.T) {
	t.Parallel()
	for _, document := range []string{"README.md", "docs/getting-started.md"} {
		t.Run(document, func(t *testing.T) { keepsItsData(t, "../../"+document) })
	}
}

func keepsItsData(t *testing.T, document string) {
	t.Parallel()
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	command := printed.FindSubmatch(text)
	if command == nil {
		t.Fatalf("%s has no command that writes redis-pilotsync.conf", document)
	}
	content, err := exec.Command("sh", "-c", string(command[1])).Output()
	if err != nil {
		t.Fatalf("%s: %v", command[1], err)
	}
	var args []string
	for line := range strings.Lines(string(content)) {
		switch name, value, _ := strings.Cut(strings.TrimSpace(line), " "); name {
		case "bind", "port", "dir": // each test's server has its own
		default:
			args = append(args, "--"+name, value)
		}
	}
	rdb := redis.NewClient(&redis.Options{Addr: redistest.New(t, args...).Addr})
	t.Cleanup(func() { _ = rdb.Close() })
	for setting, want := range map[string]string{"appendonly": "yes", "maxmemory-policy": "noeviction", "proto-max-bulk-len": "1048576"} {
		if got := rdb.ConfigGet(t.Context(), setting).Val()[setting]; got != want {
			t.Errorf("%s is %q; want %q", setting, got, want)
		}
	}
}
